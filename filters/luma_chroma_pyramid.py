"""Colour as luma and chroma: a pyramid for luma, and one for chroma that begins at half the resolution.

    luma = (R + G + B) / 3,   chroma = ((R - B) / sqrt(6), (R - 2 G + B) / (3 sqrt(2)))

This is an orthonormal transform divided by sqrt(3): white noise of variance v in R, G and B has variance v / 3 in each
of the three planes, independently. Eye, camera and JPEG keep little of the finest chroma, so chroma is filtered from
level 1 on, and the image's own is blended in where it has detail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters.base import Filter, MapRange
from pkn.filters.engine.channels import mix
from pkn.filters.engine.pyramid_levels import level_size
from pkn.filters.pyramid import Part, Pyramid

TO_OPPONENT = np.array([[2, 2, 2], [6**0.5, 0, -(6**0.5)], [2**0.5, -2 * 2**0.5, 2**0.5]]) / 6  # rows: luma, chroma
TO_RGB = 3 * TO_OPPONENT.T  # its inverse


@cache
def luma_chroma_maps(levels: int, deep: bool = False) -> type[tuple[Any, ...]]:
    """The NamedTuple of the maps of both pyramids: ``luma_kx_0``, ..., then ``chroma_blend_0``, ``chroma_kx_1``, ..."""
    parts = LumaChromaPyramid(levels=levels, radius_z=int(deep)).parts
    fields = [part.full(name) for part in parts for name in part.pyramid.Maps._fields]  # type: ignore[attr-defined]
    return NamedTuple(f"LumaChroma{'Deep' * deep}Maps{levels}", [(name, Any) for name in fields])  # type: ignore[return-value]


@dataclass(frozen=True)
class LumaChromaPyramid(Filter):
    """A :class:`Pyramid` for the luma of RGB images, and one for both chroma planes, filtered from level 1 on.

    Maps are those of the two pyramids, their names preceded by ``luma_`` or ``chroma_``. For given maps, luma and
    chroma are averages of their own planes with positive weights that sum to 1: no plane leaves its range. (R, G and B
    may, where luma has detail that chroma hasn't.)

    Parameters
    ----------
    radius, border, features, levels
        Of luma's pyramid; chroma's has one more level.

    Raises
    ------
    ValueError
        If a setting is out of its range, or the image isn't RGB.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import LumaChromaPyramid
    >>> flt = LumaChromaPyramid(radius=1, features=1, levels=1)
    >>> flt.Maps._fields[5:8]
    ('chroma_blend_0', 'chroma_kx_1', 'chroma_ky_1')
    >>> maps = {name: np.full(flt.plane_shape(name), 0.5) for name in flt.ranges}
    >>> grey = np.full((4, 6, 3), 0.25)
    >>> flt(grey, **maps, channel_axis=-1)[0, :2].round(3).tolist()
    [[0.25, 0.25, 0.25], [0.25, 0.25, 0.25]]
    """

    radius: int = 5
    features: int = 3
    levels: int = 3

    channels: ClassVar[int | None] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("features", "levels"):
            object.__setattr__(self, name, getattr(self.parts[0].pyramid, name))  # checked there

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The pyramids of luma and chroma."""
        settings = self.radius, self.border, self.features
        deep: dict[str, Any] = {name: getattr(self, name) for name in ("radius_z", "border_z", "causal", "spacing")}
        luma = Pyramid(*settings, self.levels, **deep)
        chroma = Pyramid(*settings, self.levels + 1, first=1, **deep)
        return Part("luma", slice(0, 1), luma, 0), Part("chroma", slice(1, 3), chroma, 1)

    @property
    def Maps(self) -> type[tuple[Any, ...]]:  # type: ignore[override]  # noqa: N802 (it is a type, as in all filters)
        return luma_chroma_maps(self.levels, self.radius_z > 0)

    @property
    def ranges(self) -> Mapping[str, MapRange]:  # type: ignore[override]
        return {part.full(name): limits for part in self.parts for name, limits in part.pyramid.ranges.items()}

    @property
    def reach(self) -> int:
        """Pixels that a result depends on; a tile must also begin at a multiple of 2^levels."""
        return max(part.pyramid.reach for part in self.parts)

    def plane_shape(self, name: str) -> tuple[int, ...]:
        return self.parts[0].pyramid.plane_shape(name.partition("_")[2])

    def level_of(self, name: str) -> int:
        """The pyramid level of the map ``name``."""
        return int(name.rpartition("_")[2])

    def map_size(self, name: str, size: tuple[int, int]) -> tuple[int, int]:
        return level_size(size, self.level_of(name))

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
    ) -> Any:
        if image.shape[1] != 3:
            raise ValueError(f"image has {image.shape[1]} channels; expected 3, RGB")
        planes, outs, residuals = to_opponent(image), [], []
        for part in self.parts:
            own = np.ascontiguousarray(planes[:, part.channels])
            out, kept = part.pyramid.forward(own, _maps_of(part, maps), valid, keep, slots)
            outs.append(out)
            residuals.append(kept)
        return to_rgb(*outs), residuals

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        v_planes = mix(TO_RGB.T, v_out)
        cotangents = [
            part.pyramid.vjp(kept, np.ascontiguousarray(v_planes[:, part.channels]), image_too)
            for part, kept in zip(self.parts, residuals, strict=True)
        ]
        v_maps = self.Maps(*(values for _, v_part in cotangents for values in v_part))
        if not image_too:
            return None, v_maps
        return mix(TO_OPPONENT.T, *(v_part for v_part, _ in cotangents if v_part is not None)), v_maps

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """As for :class:`Pyramid`; ``maps`` may be those of some levels, and a tuple is for (luma, chroma)."""
        strengths = strength if isinstance(strength, tuple) else (strength, strength)
        changed = dict(maps)
        for part, power in zip(self.parts, strengths, strict=True):
            names = [name for name in part.pyramid.ranges if part.full(name) in maps]
            own = part.pyramid.strengthen({name: maps[part.full(name)] for name in names}, power)
            changed |= {part.full(name): values for name, values in own.items()}
        return changed

    def _kernel(self, planes: np.ndarray, valid: np.ndarray, maps: Any, at: tuple[int, int, int]) -> np.ndarray:
        """The weights of luma and of chroma, (2, planes, 2 reach + 1, 2 reach + 1), each of the pixels' own planes."""
        side = 2 * self.reach + 1
        kernels = np.zeros((2, self.window.planes, side, side), planes.dtype)
        for kernel, part in zip(kernels, self.parts, strict=True):
            spare = self.reach - part.pyramid.reach
            inner = slice(spare, side - spare)
            kernel[:, inner, inner] = part.pyramid._kernel(planes[:, :1], valid, _maps_of(part, maps), at)
        return kernels


def to_opponent(rgb: np.ndarray) -> np.ndarray:
    """Luma and chroma planes (N, 3, H, W) of RGB planes."""
    return mix(TO_OPPONENT, rgb)


def to_rgb(*opponent: np.ndarray) -> np.ndarray:
    """The inverse of :func:`to_opponent`, of planes (N, 3, H, W) or of luma (N, 1, H, W) and chroma (N, 2, H, W)."""
    return mix(TO_RGB, *opponent)


def _maps_of(part: Part, maps: Any) -> Any:
    pyramid = part.pyramid
    return pyramid.Maps(*(getattr(maps, part.full(name)) for name in pyramid.ranges))

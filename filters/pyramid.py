"""Joint bilateral filters on the levels of a pyramid: each level is filtered and blended into the next finer one.

    x_0 = x, x_{l+1} = halve(x_l);    y_l = double(y_{l+1}) + blend_l (J_l x_l - double(y_{l+1})),    out = y_0

The finest levels may go without a filter (J_l x = x): chroma has little detail there.

As all steps are averages, the output is linear in the image for given maps, with positive weights that sum to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import arrays
from pkn.filters.base import Filter, MapRange
from pkn.filters.engine import pyramid_levels
from pkn.filters.exact_weights import operator_row
from pkn.filters.joint_bilateral import JointBilateral, JointBilateralDeepMaps, JointBilateralMaps

BLEND = MapRange(
    "", 0.0, 1.0, (0, 1), logarithmic=False, strength=-1, meaning="share of this level against the coarser ones"
)
MOST_LEVELS = 6


@cache
def pyramid_maps(levels: int, first: int = 0, deep: bool = False) -> type[tuple[Any, ...]]:
    """The NamedTuple of a pyramid's maps: those of each level's filter, and blends: ``kx_0``, ..., ``blend_0``, ..."""
    names = [
        f"{name}_{level}"
        for level in range(levels)
        for name in (
            *((JointBilateralDeepMaps if deep else JointBilateralMaps)._fields if level >= first else []),
            *(["blend"] if level < levels - 1 else []),
        )
    ]
    return NamedTuple(
        f"Pyramid{'Deep' * deep}Maps{levels}{f'From{first}' if first else ''}", [(name, Any) for name in names]
    )  # type: ignore[return-value]


class Part(NamedTuple):
    """Planes of an image that a pyramid of their own filters.

    Parameters
    ----------
    name : str
        Precedes the names of the pyramid's maps, with an underscore; empty if the pyramid is all of the filter.
    channels : slice
        The planes.
    pyramid : Pyramid
    lag : int
        Levels by which the pyramid's first filter is coarser than the image.
    """

    name: str
    channels: slice
    pyramid: "Pyramid"
    lag: int

    def full(self, name: str) -> str:
        """The filter's name of the pyramid's map ``name``."""
        return f"{self.name}_{name}" if self.name else name


class _Residuals(NamedTuple):
    """Lists over the pyramid's levels, finest first.

    ``filtered``: residuals of the filter, None without. ``blended``: the difference that was blended in (NaN where a
    level has no valid pixel in its window) and its share; empty on the coarsest. ``valid``: the valid pixels, None
    where all are. ``centres``: which image of the batch each output has at its centre.
    """

    filtered: list[Any]
    blended: list[tuple[np.ndarray, np.ndarray]]
    valid: list[np.ndarray | None]
    centres: np.ndarray


@dataclass(frozen=True)
class Pyramid(Filter):
    """Joint bilateral filters on the levels of a pyramid, with a per-pixel blend from each level to the next.

    Maps of pyramid level l have 2^l times fewer rows and columns (rounded up); their names end in ``_l``.

    Parameters
    ----------
    radius, border, features
        Of the filter on each level.
    levels : int
        Number of pyramid levels, 1 to 6.
    first : int
        The first level with a filter; finer ones are blended as they are.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import Pyramid
    >>> flt = Pyramid(radius=1, features=1, levels=2)
    >>> flt.Maps._fields[:6]
    ('kx_0', 'ky_0', 'rho_0', 'sigma_range_0', 'guide_0', 'blend_0')
    >>> maps = {name: np.full(flt.plane_shape(name), 0.5) for name in flt.ranges}
    >>> flt(np.full((4, 6), 0.25), **maps)[0].tolist()
    [0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    """

    radius: int = 5
    features: int = 3
    levels: int = 3
    first: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "features", self.single.features)  # checked there
        object.__setattr__(self, "levels", arrays.check_whole_number("levels", self.levels))
        if self.levels > MOST_LEVELS:
            raise ValueError(f"levels is {self.levels}; expected a whole number from 1 to {MOST_LEVELS}")
        object.__setattr__(self, "first", arrays.check_whole_number("first", self.first, least=0))
        if self.first >= self.levels:
            raise ValueError(f"first is {self.first}; expected less than the number of levels, {self.levels}")

    @property
    def single(self) -> JointBilateral:
        """The filter on each level."""
        deep: dict[str, Any] = {name: getattr(self, name) for name in ("radius_z", "border_z", "causal", "spacing")}
        return JointBilateral(self.radius, self.border, self.features, **deep)

    @property
    def _names(self) -> tuple[str, ...]:
        """Names of the maps of each level's filter."""
        return self.single.Maps._fields  # type: ignore[attr-defined]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The pyramids that the filter consists of: itself."""
        return (Part("", slice(None), self, self.first),)

    @property
    def Maps(self) -> type[tuple[Any, ...]]:  # type: ignore[override]  # noqa: N802 (it is a type, as in all filters)
        return pyramid_maps(self.levels, self.first, self.radius_z > 0)

    @property
    def ranges(self) -> Mapping[str, MapRange]:  # type: ignore[override]
        all_ranges = {**self.single.ranges, "blend": BLEND}
        return {name: all_ranges[_stem(name)] for name in self.Maps._fields}  # type: ignore[attr-defined]

    @property
    def reach(self) -> int:
        """Pixels that a result depends on; a tile must also begin at a multiple of 2^(levels - 1)."""
        reach = self.radius
        for level in reversed(range(self.levels - 1)):
            reach = max(self.radius if level >= self.first else 0, 2 * (reach + 1) + 1)
        # A level's period is rounded up to whole pixels of that level.
        return reach + (2 ** (self.levels - 1) - 1 if self.border == "wrap" else 0)

    def plane_shape(self, name: str) -> tuple[int, ...]:
        return self.single.plane_shape(_stem(name))

    def level_of(self, name: str) -> int:
        """The pyramid level of the map ``name``."""
        return int(name.rpartition("_")[2])

    def map_size(self, name: str, size: tuple[int, int]) -> tuple[int, int]:
        return pyramid_levels.level_size(size, self.level_of(name))

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
    ) -> Any:
        gaps = valid is not None or not np.isfinite(image).all()
        if gaps:
            valid = np.isfinite(image).all(1) if valid is None else np.isfinite(image).all(1) & valid
            image = np.where(valid[:, None], image, image.dtype.type(np.nan))
        images = [image]
        for _ in range(self.levels - 1):
            images.append(pyramid_levels.halve(images[-1], gaps))
        filtered, blended = [], []
        out: Any = None
        for level in reversed(range(self.levels)):
            out, residuals, *step = self.filter_level(level, images[level], maps._asdict(), out, keep, gaps, slots)
            filtered.append(residuals)
            blended.append(tuple(step))
        valid_levels = [np.isfinite(each).all(1, keepdims=True) if gaps else None for each in images]
        return out, _Residuals(filtered[::-1], blended[::-1], valid_levels, self._centres(len(image), slots))

    def _centres(self, count: int, slots: np.ndarray | None) -> np.ndarray:
        return np.arange(count) if slots is None else slots[:, self.radius_z]

    def filter_level(
        self,
        level: int,
        image: np.ndarray,
        maps: Mapping[str, Any],
        coarser: Any,
        keep: bool = False,
        gaps: bool = False,
        slots: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        """Filter a level's image and blend it with the result of the coarser one (None on the coarsest).

        Returns the result, the filter's residuals, and what the blend's vjp needs.
        """
        fine, residuals = image if slots is None else image[self._centres(len(image), slots)], None
        at_once = level >= self.first and coarser is not None and not keep and not gaps
        if level >= self.first:
            single = self.single
            own = single.Maps(*(maps[f"{name}_{level}"] for name in self._names))
            finish = pyramid_levels.blending(coarser, maps[f"blend_{level}"]) if at_once else None
            fine, residuals = single.forward(image, own, None, keep, slots, finish)
        if coarser is None or at_once:
            return fine, residuals
        blend = pyramid_levels.blend_with_gaps if gaps else pyramid_levels.blend
        out, *step = blend(fine, coarser, maps[f"blend_{level}"], keep)
        return out, residuals, *step

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        filtered, blended, valid_levels, centres = residuals
        v_maps: dict[str, np.ndarray] = {}
        v_images: list[Any] = []
        for level in range(self.levels):
            v_fine = v_out
            if level < self.levels - 1:
                step, share = blended[level]
                v_maps[f"blend_{level}"] = np.nan_to_num(v_out * step).sum(1, keepdims=True)
                v_fine = v_out * share
                half = pyramid_levels.level_size(v_out.shape[-2:], 1)
                v_out = pyramid_levels.double_adjoint(v_out - v_fine, half)
            if level < self.first:
                count = max(len(kept.image) for kept in filtered if kept is not None)
                v_images.append(np.zeros((count, *v_fine.shape[1:]), v_fine.dtype))
                np.add.at(v_images[-1], centres, v_fine)
                continue
            v_filtered, v_level = self.single.vjp(filtered[level], np.ascontiguousarray(v_fine), image_too)
            v_images.append(v_filtered)
            v_maps |= {f"{name}_{level}": values for name, values in v_level._asdict().items()}
        if not image_too:
            return None, self.Maps(**v_maps)
        v_image: Any = v_images[-1]
        for v_finer, valid in zip(v_images[-2::-1], valid_levels[-2::-1], strict=True):
            v_image = v_finer + pyramid_levels.halve_adjoint(v_image, v_finer.shape[-2:], valid)
        return v_image, self.Maps(**v_maps)

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """Scale the effect of each level's filter, and raise each blend to the power of ``strength``.

        At 0 all blends are 1, and the output is the finest level, which is the image.
        """
        power: Any = np.asarray(strength, np.float32)
        changed = dict(maps)
        for level in range(self.levels):
            names = {name: full for name in self._names if (full := f"{name}_{level}") in maps}
            own = self.single.strengthen({name: maps[full] for name, full in names.items()}, power) if names else {}
            changed |= {names[name]: values for name, values in own.items()}
            if (blend := f"blend_{level}") in maps:
                changed[blend] = maps[blend] ** power
            power = pyramid_levels.halve(power) if power.ndim else power
        return changed

    def _kernel(self, planes: np.ndarray, valid: np.ndarray, maps: Any, at: tuple[int, int, int]) -> np.ndarray:
        """The weights by the vjp of one output pixel, on a part of the image around it.

        The part begins at a multiple of the coarsest level's pixels, so its levels are parts of the image's levels.
        Where a window wraps to the far side, the part is the whole image.
        """
        step, (plane, row, col) = 2 ** (self.levels - 1), at
        rows, columns = (
            slice(max(at - self.reach, 0) // step * step, at // step * step + self.reach // step * step + 2 * step)
            for at in (row, col)
        )
        if self.border == "wrap":
            rows, columns = (
                part if at >= self.reach and part.stop <= size else slice(0, size)
                for at, part, size in zip((row, col), (rows, columns), planes.shape[2:], strict=True)
            )
        cut = {name: self._cut(name, values, rows, columns) for name, values in maps._asdict().items()}
        return operator_row(
            self,
            planes[..., rows, columns],
            valid[..., rows, columns],
            self.Maps(**cut),
            (plane, row - rows.start, col - columns.start),
        )

    def _cut(self, name: str, values: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """Crop the map ``name`` to a part of the image."""
        if values.shape[2:] == (1, 1):
            return values
        scale = 2 ** self.level_of(name)
        rows, columns = (slice(part.start // scale, -(-part.stop // scale)) for part in (rows, columns))
        return np.ascontiguousarray(values[..., rows, columns])


def _stem(name: str) -> str:
    return name.rpartition("_")[0]

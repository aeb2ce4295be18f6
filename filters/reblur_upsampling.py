"""Upsampling of a reblurred image: a polynomial reblur per pixel, then upsampling by anisotropic Gaussians.

Averages alone can't restore the contrast that area means have removed; interpolation kernels with negative lobes do
so in part (on photographs halved by area means, the best convex maps stay 0.4 dB below Lanczos). Here the polynomial
reblur does, by as much as the noise at each pixel allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters.reblur import Reblur
from pkn.filters.upsampling import AnisotropicUpsampling


class ReblurUpsamplingMaps(NamedTuple):
    """Maps of :class:`ReblurUpsampling`, each a number or an array of shape (H, W), the input's.

    ``kx``, ``ky`` and ``rho`` are those of :class:`AnisotropicUpsampling`; the others are those of :class:`Reblur`, its
    Gaussian's with the prefix ``blur_``.
    """

    kx: Any
    ky: Any
    rho: Any
    blur_kx: Any
    blur_ky: Any
    blur_rho: Any
    gain: Any
    slope: Any
    curvature: Any


@dataclass(frozen=True)
class ReblurUpsampling(AnisotropicUpsampling):
    """A polynomial reblur (:class:`Reblur`) followed by :class:`AnisotropicUpsampling`; maps at the input's resolution.

    The filter is not convex. ``radius`` is that of both windows; the result depends on pixels up to four radii away.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import ReblurUpsampling
    >>> blur = {"blur_kx": 1, "blur_ky": 1, "blur_rho": 0, "gain": 3, "slope": -1, "curvature": 2}
    >>> out = ReblurUpsampling(radius=2, scale=2)(np.full((4, 6), 0.25), kx=2, ky=2, rho=0, **blur)
    >>> out.shape, float(out.min()), float(out.max())
    ((8, 12), 0.25, 0.25)
    """

    radius: int = 3
    Maps: ClassVar[type[tuple[Any, ...]]] = ReblurUpsamplingMaps
    convex: ClassVar[bool] = False
    ranges: ClassVar = {
        **AnisotropicUpsampling.ranges,
        **dict(zip(ReblurUpsamplingMaps._fields[3:], Reblur.ranges.values(), strict=True)),
    }

    @property
    def reach(self) -> int:
        return super().reach + self.reblur.reach

    @property
    def reblur(self) -> Reblur:
        """The filter that is applied before upsampling."""
        return Reblur(self.radius, self.border)

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """Scale the effect of both filters, each by its own rule."""
        names = list(maps)
        inner = dict(zip(Reblur.ranges, (maps[name] for name in names[3:]), strict=True))
        changed = self.reblur.strengthen(inner, strength)
        outer = super().strengthen({name: maps[name] for name in names[:3]}, strength)
        return outer | dict(zip(names[3:], changed.values(), strict=True))

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
    ) -> Any:
        sharp, inner = self.reblur.forward(image, Reblur.Maps(*maps[3:]), valid, keep)
        out, outer = super().forward(sharp, AnisotropicUpsampling.Maps(*maps[:3]), None, keep)
        return out, (inner, outer)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        inner, outer = residuals
        v_sharp, v_outer = super().vjp(outer, v_out)
        v_image, v_inner = self.reblur.vjp(inner, np.ascontiguousarray(v_sharp), image_too)
        return v_image, self.Maps(*v_outer, *v_inner)

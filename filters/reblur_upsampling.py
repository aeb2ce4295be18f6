"""Upsampling of a reblurred image: sharpened or smoothed pixel by pixel, then gathered by anisotropic Gaussians.

Averages alone can't give back what means of pixels have lost, which interpolation kernels with negative lobes can in
part (on photographs halved by area means, the best convex maps stay 0.4 dB below Lanczos): the polynomial in a blur
that undoes mild blur does it here, by as much as each pixel's noise allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters.reblur import Reblur
from pkn.filters.upsampling import AnisotropicUpsampling


class ReblurUpsamplingMaps(NamedTuple):
    """``kx``, ``ky``, ``rho`` of AnisotropicUpsampling, and Reblur's maps, those of its Gaussian with ``blur_``."""

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
    """An anisotropic upsampling of what a polynomial reblur has made of the image; all maps at the input's resolution.

    Not convex. ``radius`` is that of both windows; the result depends on pixels up to four radii away.
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
        """What is done to the image before it is enlarged."""
        return Reblur(self.radius, self.border)

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """Both filters' maps, each by its own rule."""
        names = list(maps)
        inner = dict(zip(Reblur.ranges, (maps[name] for name in names[3:]), strict=True))
        changed = self.reblur.strengthen(inner, strength)
        outer = super().strengthen({name: maps[name] for name in names[:3]}, strength)
        return outer | dict(zip(names[3:], changed.values(), strict=True))

    def forward(self, image: np.ndarray, maps: Any, valid: np.ndarray | None = None, keep: bool = True) -> Any:
        sharp, inner = self.reblur.forward(image, Reblur.Maps(*maps[3:]), valid, keep)
        out, outer = super().forward(sharp, AnisotropicUpsampling.Maps(*maps[:3]), None, keep)
        return out, (inner, outer)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        inner, outer = residuals
        v_sharp, v_outer = super().vjp(outer, v_out)
        v_image, v_inner = self.reblur.vjp(inner, np.ascontiguousarray(v_sharp), image_too)
        return v_image, self.Maps(*v_outer, *v_inner)

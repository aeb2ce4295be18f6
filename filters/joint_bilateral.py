"""Joint (cross) bilateral: w = exp(-d^T P d / 2 - |g(q) - g(p)|^2 / (2 sigma_range^2)), g a guide beside the image.

Petschnigg et al. 2004, Eisemann and Durand 2004. With linear features of the noisy image as its guide (learned ones
that weigh whole patches), distances are far less noisy than those of single pixels: it is non-local means with a
learned patch metric, at a bilateral filter's cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters.anisotropic_bilateral import AnisotropicBilateral, AnisotropicBilateralMaps
from pkn.filters.base import Filter, MapRange
from pkn.filters.bilateral import SIGMA_RANGE
from pkn.filters.engine import window, window_vjp
from pkn.filters.engine.borders import pad
from pkn.filters.gaussian_parameters import LARGEST


class JointBilateralMaps(NamedTuple):
    """As AnisotropicBilateral's, ``sigma_range`` in the guide's units; ``guide`` has ``features`` planes a pixel."""

    kx: Any
    ky: Any
    rho: Any
    sigma_range: Any
    guide: Any


@dataclass(frozen=True)
class JointBilateral(Filter):
    """Anisotropic bilateral filter whose range distances are those of a guide, not of the image.

    Parameters
    ----------
    features : int
        Planes of the guide, 1 to 8.
    """

    features: int = 1

    Maps: ClassVar[type[tuple[Any, ...]]] = JointBilateralMaps
    ranges: ClassVar = {
        **AnisotropicBilateral.ranges,
        "sigma_range": SIGMA_RANGE._replace(unit="guide value"),
        "guide": MapRange(
            "", -1.0, 1.0, (-LARGEST, LARGEST), logarithmic=False, meaning="what range distances compare"
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.features, int) and 1 <= self.features <= 8):
            raise ValueError(f"features is {self.features!r}; expected a whole number from 1 to 8")

    def plane_shape(self, name: str) -> tuple[int, ...]:
        return (self.features,) if name == "guide" else ()

    def forward(self, image: np.ndarray, maps: Any, valid: np.ndarray | None = None, keep: bool = True) -> Any:
        batch, _, *size = image.shape
        guided = np.concatenate([image, np.broadcast_to(maps.guide, (batch, self.features, *size))], axis=1)
        own = AnisotropicBilateralMaps(*maps[:-1])
        return window.forward(guided, own, self.radius, self.border, valid, keep, guides=self.features)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        """``(v_image, v_maps)``; the guide is seen by all windows around, as the image is: it always costs both."""
        v_guided, stacked = window_vjp.vjp(residuals, v_out, self.radius, self.border)
        assert v_guided is not None
        v_image, v_guide = np.split(v_guided, [v_out.shape[1]], axis=1)
        kx, ky, rho, sigma_range = np.split(stacked, 4, axis=1)
        v_maps = JointBilateralMaps(kx, ky, rho, sigma_range, np.ascontiguousarray(v_guide))
        return v_image if image_too else None, v_maps

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """As for all filters; at 0 the window shrinks to its centre: pixels may differ where the guide doesn't."""
        changed = super().strengthen(maps, strength)
        for name in ("kx", "ky"):
            changed[name] = np.where(np.equal(strength, 0), np.float32(LARGEST), changed[name])
        return changed

    def _kernel(self, planes: np.ndarray, seen: np.ndarray, maps: Any, row: int, col: int) -> np.ndarray:
        here = AnisotropicBilateralMaps(
            *(m[..., row % m.shape[2] :, col % m.shape[3] :][..., :1, :1].copy() for m in maps[:-1])
        )
        guide = np.broadcast_to(maps.guide, (1, self.features, *planes.shape[2:]))
        side = 2 * self.radius + 1
        cut = np.s_[..., row : row + side, col : col + side]
        inputs = np.where(seen, guide, 0)
        marks = 1 - pad((~seen).astype(planes.dtype), self.radius, self.border)[cut][0]
        return window.window_weights(np.ascontiguousarray(pad(inputs, self.radius, self.border)[cut][0]), marks, here)

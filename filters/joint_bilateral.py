"""Joint (cross) bilateral: w = exp(-d^T P d / 2 - |g(q) - g(p)|^2 / (2 sigma_range^2)), g a guide beside the image.

Petschnigg et al. 2004, Eisemann and Durand 2004. With linear features of the noisy image as its guide (learned ones
that average over patches), range distances are far less noisy than those of single pixels: it is non-local means with
a learned patch metric, at a bilateral filter's cost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters import arrays
from pkn.filters.anisotropic_bilateral import (
    AnisotropicBilateral,
    AnisotropicBilateralDeepMaps,
    AnisotropicBilateralMaps,
)
from pkn.filters.base import Filter, MapRange, here
from pkn.filters.bilateral import SIGMA_RANGE
from pkn.filters.engine import window, window_vjp
from pkn.filters.gaussian_parameters import LARGEST

MOST_FEATURES = 8


class JointBilateralMaps(NamedTuple):
    """Maps of :class:`JointBilateral`, each a number or an array of shape (H, W), but for the guide.

    ``kx``, ``ky`` (1/pixels, >= 0) and ``rho`` (-1 to 1) as in :class:`AnisotropicBilateral`; ``sigma_range`` in the
    guide's units, >= 0; ``guide`` of shape (features, H, W).

    Examples
    --------
    >>> JointBilateralMaps(kx=0.5, ky=0.5, rho=0.0, sigma_range=0.1, guide=[0.0])._fields
    ('kx', 'ky', 'rho', 'sigma_range', 'guide')
    """

    kx: Any
    ky: Any
    rho: Any
    sigma_range: Any
    guide: Any


class JointBilateralDeepMaps(NamedTuple):
    """Maps of :class:`JointBilateral` with windows of several planes: ``kz`` is the inverse width across planes.

    Examples
    --------
    >>> JointBilateralDeepMaps(kx=0.5, ky=0.5, rho=0.0, sigma_range=0.1, kz=1.0, guide=[0.0])._fields
    ('kx', 'ky', 'rho', 'sigma_range', 'kz', 'guide')
    """

    kx: Any
    ky: Any
    rho: Any
    sigma_range: Any
    kz: Any
    guide: Any


@dataclass(frozen=True)
class JointBilateral(Filter):
    """Anisotropic bilateral filter whose range distances are those of a guide, not of the image.

    Parameters
    ----------
    features : int
        Planes of the guide, 1 to 8.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    Columns of 0 and 1 are averaged on either side of an edge in the guide:

    >>> import numpy as np
    >>> from pkn.filters import JointBilateral
    >>> columns, edge = np.tile([0.0, 1.0], (4, 3)), np.zeros((4, 6))
    >>> edge[:, 3:] = 1
    >>> flt = JointBilateral(radius=2, features=1)
    >>> flt(columns, kx=0, ky=0, rho=0, sigma_range=0.1, guide=edge[None])[0].round(3).tolist()
    [0.4, 0.25, 0.333, 0.667, 0.75, 0.6]
    """

    features: int = 1

    Maps: ClassVar[type[tuple[Any, ...]]] = JointBilateralMaps
    DeepMaps: ClassVar[type[tuple[Any, ...]] | None] = JointBilateralDeepMaps
    deep_ranges: ClassVar = AnisotropicBilateral.deep_ranges
    ranges: ClassVar = {
        **AnisotropicBilateral.ranges,
        "sigma_range": SIGMA_RANGE._replace(unit="guide value"),
        "guide": MapRange(
            "", -1.0, 1.0, (-LARGEST, LARGEST), logarithmic=False, meaning="what range distances compare"
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "features", arrays.check_whole_number("features", self.features))
        if self.features > MOST_FEATURES:
            raise ValueError(f"features is {self.features}; expected a whole number from 1 to {MOST_FEATURES}")

    def plane_shape(self, name: str) -> tuple[int, ...]:
        return (self.features,) if name == "guide" else ()

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
        finish: Callable[[np.ndarray, int, int, int], None] | None = None,
    ) -> Any:
        """As for all filters; ``finish`` as in :func:`pkn.filters.engine.window.forward`."""
        guide = np.broadcast_to(maps.guide, (*maps.guide.shape[:2], *image.shape[2:]))
        own = self._own(maps[:-1])
        return window.forward(image, own, self.window, valid, keep, np.ascontiguousarray(guide), slots, finish)

    def _own(self, maps: Any) -> Any:
        """All maps but the guide, in the type that the core knows."""
        return AnisotropicBilateralDeepMaps(*maps) if self.radius_z else AnisotropicBilateralMaps(*maps)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        """Return ``(v_image, v_maps)``.

        Windows read the guide as they read the image, so its cotangent costs as much, also without ``image_too``.
        """
        v_guided, stacked = window_vjp.vjp(residuals, v_out, self.window)
        assert v_guided is not None
        v_image, v_guide = np.split(v_guided, [v_out.shape[1]], axis=1)
        v_own = np.split(stacked, stacked.shape[1], axis=1)
        v_maps = self.Maps(*(*v_own, np.ascontiguousarray(v_guide)))
        return v_image if image_too else None, v_maps

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """As for all filters; at 0 the spatial weight is an impulse: pixels may differ where the guide doesn't."""
        changed = super().strengthen(maps, strength)
        for name in {"kx", "ky", "kz"} & set(changed):
            changed[name] = np.where(np.equal(strength, 0), np.float32(LARGEST), changed[name])
        return changed

    def _kernel(self, planes: np.ndarray, valid: np.ndarray, maps: Any, at: tuple[int, int, int]) -> np.ndarray:
        guide = np.broadcast_to(maps.guide, (len(planes), self.features, *planes.shape[2:]))
        inputs = np.where(valid[:, None], guide, 0)
        return self._weights_at(inputs, valid, self._own(here(maps[:-1], at)), at)

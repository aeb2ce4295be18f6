"""Polynomial reblurring: out(p) = sum_i a_i(p) (K^i x)(p), i = 0 ... 3, with K a per-pixel Gaussian.

A blur K that is known or guessed is undone by blurring more and combining (Delbracio, Garcia-Dorado, Choi, Kelly,
Milanfar, "Polyblur: Removing Mild Blur by Polynomial Reblurring", 2021). Here the polynomial p(t) = sum_i a_i t^i is
given by what it does, with p(1) = 1 throughout, so that constants stay:

    gain = p(0), what becomes of frequencies that K removes
    slope = p'(1) and curvature = p''(1), how low frequencies are treated: 1 / t has -1 and 2

which gives, s the slope and c the curvature,

    a_0 = gain                            a_1 = 3 - 3 gain - 2 s + c / 2
    a_2 = 3 s - 3 + 3 gain - c            a_3 = c / 2 - s + 1 - gain

(for s = -1 Polyblur's, with alpha = c and beta = gain). Computed is the same polynomial by powers of K - 1,

    out = x + s u_1 + c / 2 u_2 + a_3 u_3,    u_1 = K x - x,    u_2 = K u_1 - u_1,    u_3 = K u_2 - u_2,

where nothing cancels: constants and the identity come out to the last bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters.anisotropic_gaussian import AnisotropicGaussian
from pkn.filters.base import Filter, MapRange
from pkn.filters.engine.window import Residuals
from pkn.filters.exact_weights import operator_row
from pkn.filters.gaussian_parameters import CORRELATION
from pkn.filters.isotropic_gaussian import IsotropicGaussian

DEGREE = 3
LARGEST = 1000.0  # of a map of the polynomial: outputs stay finite

SIGMA = MapRange("px", 0.3, 4.0, (0, np.inf), meaning="width of the blur")
INVERSE_WIDTH = MapRange("1/px", 0.25, 3.0, (0, np.inf), meaning="inverse width of the blur")
# Least squares on photographs blurred by 0.8 to 2.5 px finds, at noise of 1/255, the blur's inverse (gain 5 to 7,
# slope -1, curvature 0 to 9), and at 5/255 gain 0, slope 1 and curvature 20 to 30, which lifts only the middle. Plain
# smoothing is gain 0, slope 1 to 3, curvature 0 to 6.
POLYNOMIAL = {
    "gain": MapRange("", 0.0, 6.0, (-LARGEST, LARGEST), False, 1, "factor of what the blur removes"),
    "slope": MapRange("", -3.0, 3.0, (-LARGEST, LARGEST), False, 1, "below 0 sharpens, above smooths"),
    "curvature": MapRange("", -10.0, 40.0, (-LARGEST, LARGEST), False, 1, "how much middle frequencies rise"),
}
IDENTITY = {"gain": 1, "slope": 0, "curvature": 0}


class IsotropicReblurMaps(NamedTuple):
    """``sigma`` of the blur in pixels, >= 0; ``gain``, ``slope`` and ``curvature`` of the polynomial, -1000 to 1000."""

    sigma: Any
    gain: Any
    slope: Any
    curvature: Any


class ReblurMaps(NamedTuple):
    """``kx``, ``ky`` (1/pixels, >= 0) and ``rho`` (-1 to 1) of the blur, as for anisotropic Gaussians.

    ``gain``, ``slope`` and ``curvature`` of the polynomial, -1000 to 1000.
    """

    kx: Any
    ky: Any
    rho: Any
    gain: Any
    slope: Any
    curvature: Any


class ReblurResiduals(NamedTuple):
    """What the forward pass leaves for the vjp: of the three blurs, and their differences (N, C, H, W)."""

    maps: Any
    seen: np.ndarray | None
    blurs: tuple[Residuals, ...]
    differences: tuple[np.ndarray, ...]


def polynomial(gain: Any, slope: Any, curvature: Any) -> tuple[Any, Any, Any, Any]:
    """Coefficients a_0 ... a_3 of the polynomial with p(0) = gain, p(1) = 1, p'(1) = slope and p''(1) = curvature."""
    return (
        gain,
        3 - 3 * gain - 2 * slope + curvature / 2,
        3 * slope - 3 + 3 * gain - curvature,
        curvature / 2 - slope + 1 - gain,
    )


class _Composed(Filter):
    """Both reblurs: three times the same Gaussian, and a polynomial in it."""

    Gaussian: ClassVar[type[Filter]]
    convex: ClassVar[bool] = False

    @property
    def reach(self) -> int:
        return DEGREE * self.radius

    @property
    def blur(self) -> Filter:
        """The Gaussian K."""
        return self.Gaussian(self.radius, self.border)

    def blur_maps(self, maps: Any) -> Any:
        """The maps of K among the filter's."""
        return self.Gaussian.Maps(*maps[:-3])

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """The maps for x + strength (out - x): the polynomial moves on the line from the identity, the blur stays."""
        power, mixed = np.asarray(strength), dict(maps)
        for name, rest in IDENTITY.items():
            values = maps[name] * power + rest * (1 - power)
            mixed[name] = np.clip(values, -LARGEST, LARGEST).astype(maps[name].dtype)
        return mixed

    def forward(self, image: np.ndarray, maps: Any, valid: np.ndarray | None = None, keep: bool = True) -> Any:
        """``(out, ReblurResiduals)``; what isn't seen weighs nothing in any of the blurs, and counts as K x itself."""
        seen = _seen(image, valid)
        gain, slope, curvature = maps[-3:]
        a_3 = polynomial(gain, slope, curvature)[3]
        start, u, blurs, differences = image, image, [], []
        out = np.empty_like(image)
        for factor in (slope, curvature / 2, a_3):
            blurred, residuals = self.blur.forward(u, self.blur_maps(maps), seen, keep)
            if u is image:
                start = image if seen is None else np.where(seen[:, None], image, blurred)
                out[:] = start
                u = start
            with np.errstate(invalid="ignore"):  # where nothing is seen K x is NaN, and so is the output
                u = blurred - u
            if seen is not None:
                u[np.isnan(blurred)] = 0
            out += factor * u
            if keep:
                blurs.append(residuals)
                differences.append(u)
        return out, ReblurResiduals(maps, seen, tuple(blurs), tuple(differences))

    def vjp(self, residuals: ReblurResiduals, v_out: np.ndarray, image_too: bool = True) -> Any:
        """Horner's scheme in reverse, a transposed blur at a time."""
        maps, seen, blurs, (u_1, u_2, u_3) = residuals
        if seen is not None:
            v_out = np.where(np.isnan(blurs[0].out), 0, v_out)
        gain, slope, curvature = maps[-3:]
        v_u = polynomial(gain, slope, curvature)[3] * v_out
        parts = []
        for factor, blur in ((curvature / 2, blurs[2]), (slope, blurs[1])):
            v_blurred, v_maps = self.blur.vjp(blur, v_u)
            parts.append(v_maps)
            v_u = v_blurred - v_u + factor * v_out
        if seen is None:
            v_image, v_maps = self.blur.vjp(blurs[0], v_u, image_too)
            v_image = v_image + (v_out - v_u) if image_too else None
        else:  # an unseen pixel was K x: its u_1 is 0 whatever it holds
            here = seen[:, None]
            v_image, v_maps = self.blur.vjp(blurs[0], np.where(here, v_u, v_out), image_too)
            v_image = v_image + np.where(here, v_out - v_u, 0) if image_too else None
        v_gain = -(v_out * u_3).sum(1, keepdims=True)
        v_slope = (v_out * (u_1 - u_3)).sum(1, keepdims=True)
        v_curvature = (v_out * (u_2 + u_3)).sum(1, keepdims=True) / 2
        v_blur = (sum(each) for each in zip(v_maps, *parts, strict=True))
        return v_image, self.Maps(*(*v_blur, v_gain, v_slope, v_curvature))

    def _kernel(self, planes: np.ndarray, seen: np.ndarray, maps: Any, row: int, col: int) -> np.ndarray:
        """The row of the whole linear operator, by the vjp of one output.

        A pixel that several positions of the window read (a border) has its weight in the nearest of them.
        """
        height, width = planes.shape[2:]
        if self.border == "wrap":  # anything is far from an edge
            shift = height // 2 - row, width // 2 - col
            planes, seen = (np.roll(a, shift, (-2, -1)) for a in (planes, seen))
            maps = self.Maps(*(np.roll(m, shift, (-2, -1)) if m.shape[2:] != (1, 1) else m for m in maps))
            row, col = height // 2, width // 2
        rows, columns = _around(row, self.reach, height), _around(col, self.reach, width)
        cut = np.s_[..., rows, columns]
        own = self.Maps(*(np.ascontiguousarray(np.broadcast_to(m, (*m.shape[:2], height, width))[cut]) for m in maps))
        return operator_row(self, planes[cut], seen[cut], own, (row - rows.start, col - columns.start))


def _seen(image: np.ndarray, valid: np.ndarray | None) -> np.ndarray | None:
    """(N, H, W): finite in all channels and valid; None where all are."""
    finite = np.isfinite(image)
    if finite.all():
        return valid if valid is None or valid.shape[0] == len(image) else np.repeat(valid, len(image), 0)
    seen = finite.all(1)
    return seen if valid is None else seen & valid


def _around(at: int, reach: int, size: int) -> slice:
    return slice(max(at - reach, 0), min(at + reach + 1, size))


@dataclass(frozen=True)
class IsotropicReblur(_Composed):
    """A third-order polynomial in a Gaussian blur with a per-pixel ``sigma`` (pixels): sharpens, smooths, or both.

    Not convex: see ``pkn.filters.absolute_weights``. The window of 9 x 9 cuts off Gaussians of more than 1.5 px; with
    fitted polynomials that costs nothing (measured up to a blur of 2.5 px), with published ones take three sigma. The
    result depends on pixels up to three radii away.
    """

    radius: int = 4
    Maps: ClassVar[type[tuple[Any, ...]]] = IsotropicReblurMaps
    ranges: ClassVar = {"sigma": SIGMA, **POLYNOMIAL}
    Gaussian: ClassVar[type[Filter]] = IsotropicGaussian


@dataclass(frozen=True)
class Reblur(_Composed):
    """A third-order polynomial in an anisotropic Gaussian blur (``kx``, ``ky``, ``rho``: its precision matrix).

    Not convex: see ``pkn.filters.absolute_weights``. The window of 9 x 9 cuts off Gaussians of more than 1.5 px; with
    fitted polynomials that costs nothing (measured up to a blur of 2.5 px), with published ones take three sigma. The
    result depends on pixels up to three radii away.
    """

    radius: int = 4
    Maps: ClassVar[type[tuple[Any, ...]]] = ReblurMaps
    ranges: ClassVar = {"kx": INVERSE_WIDTH, "ky": INVERSE_WIDTH, "rho": CORRELATION, **POLYNOMIAL}
    Gaussian: ClassVar[type[Filter]] = AnisotropicGaussian

"""Polynomial reblurring: out(p) = sum_i a_i(p) (K^i x)(p), i = 0 ... 3, with K a per-pixel Gaussian.

A known or estimated blur K is inverted approximately by a polynomial in K (Delbracio, Garcia-Dorado, Choi, Kelly,
Milanfar, "Polyblur: Removing Mild Blur by Polynomial Reblurring", 2021). Here the polynomial p(t) = sum_i a_i t^i is
given by values and derivatives, with p(1) = 1 throughout, so that constants stay:

    gain = p(0), the factor of frequencies that K removes
    slope = p'(1) and curvature = p''(1), how low frequencies change: the inverse 1 / t has -1 and 2

For the slope s and the curvature c this gives

    a_0 = gain                            a_1 = 3 - 3 gain - 2 s + c / 2
    a_2 = 3 s - 3 + 3 gain - c            a_3 = c / 2 - s + 1 - gain

(for s = -1 these are Polyblur's, with alpha = c and beta = gain). The polynomial is evaluated in powers of K - 1,

    out = x + s u_1 + c / 2 u_2 + a_3 u_3,    u_1 = K x - x,    u_2 = K u_1 - u_1,    u_3 = K u_2 - u_2,

which has no cancellation: constants and the identity are exact to the last bit.
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
LARGEST = 1000.0  # absolute value of gain, slope and curvature: outputs stay finite

SIGMA = MapRange("px", 0.3, 4.0, (0, np.inf), meaning="width of the blur")
INVERSE_WIDTH = MapRange("1/px", 0.25, 3.0, (0, np.inf), meaning="inverse width of the blur")
# On photographs blurred by 0.8 to 2.5 px, a least-squares fit gives about the blur's inverse at noise of 1/255 (gain 5
# to 7, slope -1, curvature 0 to 9); at noise of 5/255 it gives gain 0, slope 1 and curvature 20 to 30, which raises
# middle frequencies only. Plain smoothing is gain 0, slope 1 to 3, curvature 0 to 6.
POLYNOMIAL = {
    "gain": MapRange("", 0.0, 6.0, (-LARGEST, LARGEST), False, 1, "factor of what the blur removes"),
    "slope": MapRange("", -3.0, 3.0, (-LARGEST, LARGEST), False, 1, "below 0 sharpens, above smooths"),
    "curvature": MapRange("", -10.0, 40.0, (-LARGEST, LARGEST), False, 1, "how much middle frequencies rise"),
}
IDENTITY = {"gain": 1, "slope": 0, "curvature": 0}


class IsotropicReblurMaps(NamedTuple):
    """Maps of :class:`IsotropicReblur`, each a number or an array of shape (H, W).

    ``sigma`` of the blur in pixels, >= 0; ``gain``, ``slope`` and ``curvature`` of the polynomial, -1000 to 1000.

    Examples
    --------
    >>> IsotropicReblurMaps(sigma=1.0, gain=3.0, slope=-1.0, curvature=2.0).gain
    3.0
    """

    sigma: Any
    gain: Any
    slope: Any
    curvature: Any


class ReblurMaps(NamedTuple):
    """Maps of :class:`Reblur`, each a number or an array of shape (H, W).

    ``kx``, ``ky`` (1/pixels, >= 0) and ``rho`` (-1 to 1) of the blur, as for anisotropic Gaussians; ``gain``, ``slope``
    and ``curvature`` of the polynomial, -1000 to 1000.

    Examples
    --------
    >>> ReblurMaps(kx=1.0, ky=1.0, rho=0.0, gain=3.0, slope=-1.0, curvature=2.0).slope
    -1.0
    """

    kx: Any
    ky: Any
    rho: Any
    gain: Any
    slope: Any
    curvature: Any


class ReblurResiduals(NamedTuple):
    """What the forward pass keeps for the vjp: residuals of the three blurs, and their differences (N, C, H, W)."""

    maps: Any
    valid: np.ndarray | None
    blurs: tuple[Residuals, ...]
    differences: tuple[np.ndarray, ...]


def polynomial(gain: Any, slope: Any, curvature: Any) -> tuple[Any, Any, Any, Any]:
    """Return a_0 ... a_3 of the polynomial with p(0) = gain, p(1) = 1, p'(1) = slope and p''(1) = curvature."""
    return (
        gain,
        3 - 3 * gain - 2 * slope + curvature / 2,
        3 * slope - 3 + 3 * gain - curvature,
        curvature / 2 - slope + 1 - gain,
    )


class _Composed(Filter):
    """Base of both reblur filters: a polynomial of degree 3 in a Gaussian blur."""

    Gaussian: ClassVar[type[Filter]]
    deep: ClassVar[bool] = False
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
        """Return the maps of x + strength (out - x): the polynomial is blended with the identity, the blur is kept."""
        power, mixed = np.asarray(strength), dict(maps)
        for name, rest in IDENTITY.items():
            values = maps[name] * power + rest * (1 - power)
            mixed[name] = np.clip(values, -LARGEST, LARGEST).astype(maps[name].dtype)
        return mixed

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
    ) -> Any:
        """Return ``(out, ReblurResiduals)``.

        Invalid pixels have weight 0 in all three blurs; in the polynomial, x there is K x.
        """
        valid = _valid_pixels(image, valid)
        gain, slope, curvature = maps[-3:]
        a_3 = polynomial(gain, slope, curvature)[3]
        start, u, blurs, differences = image, image, [], []
        out = np.empty_like(image)
        for factor in (slope, curvature / 2, a_3):
            blurred, residuals = self.blur.forward(u, self.blur_maps(maps), valid, keep)
            if u is image:
                start = image if valid is None else np.where(valid[:, None], image, blurred)
                out[:] = start
                u = start
            with np.errstate(invalid="ignore"):  # without a valid pixel in the window K x is NaN, and so is the output
                u = blurred - u
            if valid is not None:
                u[np.isnan(blurred)] = 0
            out += factor * u
            if keep:
                blurs.append(residuals)
                differences.append(u)
        return out, ReblurResiduals(maps, valid, tuple(blurs), tuple(differences))

    def vjp(self, residuals: ReblurResiduals, v_out: np.ndarray, image_too: bool = True) -> Any:
        """Return ``(v_image, v_maps)`` by Horner's scheme in reverse, one transposed blur after another."""
        maps, valid, blurs, (u_1, u_2, u_3) = residuals
        if valid is not None:
            v_out = np.where(np.isnan(blurs[0].out), 0, v_out)
        gain, slope, curvature = maps[-3:]
        v_u = polynomial(gain, slope, curvature)[3] * v_out
        parts = []
        for factor, blur in ((curvature / 2, blurs[2]), (slope, blurs[1])):
            v_blurred, v_maps = self.blur.vjp(blur, v_u)
            parts.append(v_maps)
            v_u = v_blurred - v_u + factor * v_out
        if valid is None:
            v_image, v_maps = self.blur.vjp(blurs[0], v_u, image_too)
            v_image = v_image + (v_out - v_u) if image_too else None
        else:  # an invalid pixel was replaced by K x, so its u_1 is 0 whatever its value
            here = valid[:, None]
            v_image, v_maps = self.blur.vjp(blurs[0], np.where(here, v_u, v_out), image_too)
            v_image = v_image + np.where(here, v_out - v_u, 0) if image_too else None
        v_gain = -(v_out * u_3).sum(1, keepdims=True)
        v_slope = (v_out * (u_1 - u_3)).sum(1, keepdims=True)
        v_curvature = (v_out * (u_2 + u_3)).sum(1, keepdims=True) / 2
        v_blur = (sum(each) for each in zip(v_maps, *parts, strict=True))
        return v_image, self.Maps(*(*v_blur, v_gain, v_slope, v_curvature))

    def _kernel(self, planes: np.ndarray, valid: np.ndarray, maps: Any, at: tuple[int, int, int]) -> np.ndarray:
        """The weights by the vjp of one output pixel, on the part of the image that it depends on.

        If several positions of the window read the same pixel (at a border), the nearest holds its whole weight.
        """
        (_, row, col), (height, width) = at, planes.shape[2:]
        if self.border == "wrap":  # rolling the image moves the pixel away from the edges
            shift = height // 2 - row, width // 2 - col
            planes, valid = (np.roll(a, shift, (-2, -1)) for a in (planes, valid))
            maps = self.Maps(*(np.roll(m, shift, (-2, -1)) if m.shape[2:] != (1, 1) else m for m in maps))
            row, col = height // 2, width // 2
        rows, columns = _around(row, self.reach, height), _around(col, self.reach, width)
        cut = np.s_[..., rows, columns]
        full = (np.broadcast_to(m, (*m.shape[:2], height, width)) for m in maps)
        own = self.Maps(*(np.require(m[cut], None, ["C", "W"]) for m in full))
        return operator_row(self, planes[cut], valid[cut], own, (0, row - rows.start, col - columns.start))


def _valid_pixels(image: np.ndarray, valid: np.ndarray | None) -> np.ndarray | None:
    """Return the mask (N, H, W) of pixels that are finite in all channels and valid; None if all are."""
    finite = np.isfinite(image)
    if finite.all():
        return valid if valid is None or valid.shape[0] == len(image) else np.repeat(valid, len(image), 0)
    return finite.all(1) if valid is None else finite.all(1) & valid


def _around(at: int, reach: int, size: int) -> slice:
    return slice(max(at - reach, 0), min(at + reach + 1, size))


@dataclass(frozen=True)
class IsotropicReblur(_Composed):
    """A third-order polynomial in a Gaussian blur with a per-pixel ``sigma`` (pixels): sharpens, smooths, or both.

    The filter is not convex: see :func:`pkn.filters.absolute_weights`. The default window of 9 x 9 truncates Gaussians
    of more than 1.5 px. With fitted polynomials that costs nothing (measured up to a blur of 2.5 px); with published
    ones choose a radius of three sigma. The result depends on pixels up to three radii away.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import IsotropicReblur
    >>> step = np.zeros((4, 6))
    >>> step[:, 3:] = 1
    >>> IsotropicReblur(radius=2)(step, sigma=1, gain=3, slope=-1, curvature=2)[0].round(3).tolist()
    [0.033, -0.03, -0.54, 1.54, 1.03, 0.967]
    """

    radius: int = 4
    Maps: ClassVar[type[tuple[Any, ...]]] = IsotropicReblurMaps
    ranges: ClassVar = {"sigma": SIGMA, **POLYNOMIAL}
    Gaussian: ClassVar[type[Filter]] = IsotropicGaussian


@dataclass(frozen=True)
class Reblur(_Composed):
    """A third-order polynomial in an anisotropic Gaussian blur (``kx``, ``ky``, ``rho``: its precision matrix).

    The filter is not convex: see :func:`pkn.filters.absolute_weights`. The window and the reach are those of
    :class:`IsotropicReblur`.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import Reblur
    >>> step = np.zeros((4, 6))
    >>> step[:, 3:] = 1
    >>> Reblur(radius=2)(step, kx=1, ky=1, rho=0, gain=3, slope=-1, curvature=2)[0].round(3).tolist()
    [0.033, -0.03, -0.54, 1.54, 1.03, 0.967]
    """

    radius: int = 4
    Maps: ClassVar[type[tuple[Any, ...]]] = ReblurMaps
    ranges: ClassVar = {"kx": INVERSE_WIDTH, "ky": INVERSE_WIDTH, "rho": CORRELATION, **POLYNOMIAL}
    Gaussian: ClassVar[type[Filter]] = AnisotropicGaussian

"""Certificates: that a result is an average of what it was made of, and of which pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.evidence.bounds import value_bounds
from pkn.filters import absolute_weights
from pkn.filters.arrays import FULL_RANGE, check_image, check_mask, native, to_floats
from pkn.restoration.arguments import check_maps
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.plain_units import readable_maps
from pkn.restoration.weight_operators import frozen_weights, parts_of

ROUNDING = 1e-5  # of the image's span


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is certain about a filtered image.

    Parameters
    ----------
    convex : bool
        Whether the filter's weights are positive and sum to 1, so that no value can leave the range of what it was made
        of; for :class:`pkn.filters.LumaChromaPyramid`, whether no value of luma or chroma can.
    holds : bool
        Whether no value of the result does.
    outside_range : int
        Number of pixels where one does.
    excess : float
        By how much at most, in image values.
    reach : int
        Pixels from a pixel to the farthest that can carry weight.
    absolute_weights : array of shape (H, W), or None
        Sum of the absolute values of each pixel's weights: 1 for convex filters, more where a filter sharpens; NaN
        where it isn't known, None for filters that enlarge.
    pixels : dict of str to array of shape (H, W)
        Effective number of pixels that are averaged, for each part of the filter (luma and chroma, or "").
    bounds : dict of str to array of shape (2, C, H, W)
        Least and greatest value that each pixel of each part can have: :func:`pkn.evidence.bounds.value_bounds`.
    outside : dict of str to array of shape (H, W)
        Share of each pixel's weight that lies outside the region that was given, exact; empty without a region, and for
        filters that sharpen or enlarge.
    region : bool array of shape (H, W), or None
    """

    convex: bool
    holds: bool
    outside_range: int
    excess: float
    reach: int
    absolute_weights: np.ndarray | None
    pixels: dict[str, np.ndarray]
    bounds: dict[str, np.ndarray]
    outside: dict[str, np.ndarray]
    region: np.ndarray | None

    def __str__(self) -> str:
        if self.convex:
            bound = "holds" if self.holds else f"is broken at {self.outside_range} pixels, by {self.excess:.3g} at most"
            lines = [f"every value lies between the least and greatest of what it is made of: {bound}"]
        elif self.holds:
            lines = [f"values may leave the range of what lies within {self.reach} px; here none does"]
        else:
            lines = [
                f"values may leave the range of what lies within {self.reach} px; here {self.outside_range} pixels do, "
                f"by {self.excess:.3g} at most"
            ]
        if not self.convex and self.absolute_weights is not None and np.isfinite(self.absolute_weights).any():
            mean, most = np.nanmean(self.absolute_weights), np.nanmax(self.absolute_weights)
            lines.append(f"errors grow at most by the sum of |w|: {mean:.2f} in the mean, {most:.2f} at most")
        lines += [f"{_named(part, 'pixels')} averaged: {np.median(n):.0f} (median)" for part, n in self.pixels.items()]
        for part, share in self.outside.items():
            within = share[self.region & np.isfinite(share)]
            if within.size:
                shares = f"{within.mean():.3g} in the mean, {within.max():.3g} at most"
                lines.append(f"{_named(part, 'weight')} in the region that comes from outside: {shares}")
        return "\n".join(lines)


def certify(image: Any, result: Any, maps: ParameterMaps, *, region: Any = None, mask: Any = None) -> Certificate:
    """Check a result against its maps: that it is in the range of what it was made of, and what that was.

    Parameters
    ----------
    image : array
        What was filtered.
    result : array
        What came out, of the image's dtype or floats. Integers may be off by half a step, floats by rounding.
    maps : ParameterMaps
    region : bool array of shape (H, W), optional
        A region of interest: how much from outside it reaches in?
    mask : bool array of shape (H, W), optional
        As :meth:`pkn.ParameterMaps.apply` had it.

    Returns
    -------
    Certificate
        ``print`` says it in words.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (64, 80)).astype(np.float32)
    >>> maps = pkn.predict_maps(noisy)
    >>> clean = maps.apply(noisy)
    >>> pkn.certify(noisy, clean, maps).holds
    True
    >>> clean[10, 20] = noisy.max() + 0.01  # somebody paints a pixel
    >>> found = pkn.certify(noisy, clean, maps)
    >>> found.holds, found.outside_range
    (False, 1)
    """
    maps = check_maps(maps)
    image, result = check_image(image, maps.channel_axis), np.asarray(result)
    step = 0.5 / np.iinfo(result.dtype).max if native(result.dtype) in FULL_RANGE else 0.0
    given = maps.apply(image, mask=mask)
    if result.shape != given.shape:
        raise ValueError(f"result has shape {result.shape}; expected {given.shape}, of the filtered image")
    if not np.isfinite(result).any():
        raise ValueError("result is NaN everywhere; expected the filtered image")
    lost = (np.isfinite(given) & ~np.isfinite(result)).sum()  # what the filter knows, and the result doesn't
    floats = to_floats(result) if native(result.dtype) in FULL_RANGE else result.astype(np.float64)
    valid = np.ones(maps.shape, bool) if mask is None else np.asarray(check_mask(mask, *maps.shape))[0]
    inside, out = parts_of(maps, to_floats(image)), parts_of(maps, floats)
    bounds = value_bounds(maps, inside, valid)
    excess = np.fmax.reduce([_excess(inside[part], out[part], bounds[part], valid, 2 * step) for part in inside])
    same_size = tuple(excess.shape) == tuple(maps.shape)
    return Certificate(
        convex=bool(maps.filter.convex),
        holds=not (lost or (excess > 0).any()),
        outside_range=int(np.count_nonzero(excess > 0) + lost),
        excess=float(excess.max()),
        reach=maps.filter.reach,
        absolute_weights=(
            absolute_weights(maps.filter, image, *maps.values(), channel_axis=maps.channel_axis, mask=mask)
            if same_size
            else None
        ),
        pixels={
            name.removesuffix("pixels").removesuffix("_"): each.values
            for name, each in readable_maps(maps, image, mask).items()
            if name.endswith("pixels")
        },
        bounds=bounds,
        outside={} if region is None else _outside(maps, image, region, mask),
        region=None if region is None else np.asarray(region),
    )


def _excess(planes: np.ndarray, result: np.ndarray, bounds: np.ndarray, valid: np.ndarray, step: float) -> np.ndarray:
    """By how much a value of any plane of the result leaves its bounds, (H, W); 0 where none does."""
    sizes = zip(result.shape[1:], planes.shape[1:], strict=True)
    low, high = bounds[(..., *np.ix_(*(np.arange(out) * size // out for out, size in sizes)))]  # of enlarging filters
    known = planes[:, valid & np.isfinite(planes).all(0)]
    slack = step + ROUNDING * np.ptp(known) + 4 * np.finfo(np.float32).eps * np.abs(known).max()
    beyond = np.fmax(low - result, result - high)
    return np.asarray(np.where(np.isfinite(beyond) & (beyond > slack), beyond, 0.0).max(0))


def _outside(maps: ParameterMaps, image: Any, region: Any, mask: Any) -> dict[str, np.ndarray]:
    region = np.asarray(region)
    if region.dtype != bool or region.shape != maps.shape:
        raise ValueError(f"region is {region.dtype} of shape {region.shape}; expected bool of shape {maps.shape}")
    if not maps.filter.convex:
        return {}
    elsewhere = (~region)[None].astype(float)
    return {part: operator(elsewhere)[0] for part, operator in frozen_weights(maps, image, mask).items()}


def _named(part: str, what: str) -> str:
    return f"{part} {what}" if part else what

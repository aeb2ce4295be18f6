"""Certificates: that a result is an average of what it was made of, and of which pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from pkn.filters import absolute_weights
from pkn.filters.arrays import FULL_RANGE, check_image, check_mask, native, to_floats
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
    outside : dict of str to array of shape (H, W)
        Share of each pixel's weight that lies outside the region that was given, exact; empty without a region, and for
        non-local means.
    """

    convex: bool
    holds: bool
    outside_range: int
    excess: float
    reach: int
    absolute_weights: np.ndarray | None
    pixels: dict[str, np.ndarray]
    outside: dict[str, np.ndarray]

    def __str__(self) -> str:
        if self.convex:
            bound = "holds" if self.holds else f"is broken at {self.outside_range} pixels, by {self.excess:.3g} at most"
            lines = [f"every value lies between the least and greatest within {self.reach} px: {bound}"]
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
            lines.append(f"{_named(part, 'weight')} from outside the region: {np.nanmax(share):.3g} at most")
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
    excess: np.ndarray = np.zeros(next(iter(out.values())).shape[1:])
    for part, planes in inside.items():
        for plane, ours in zip(planes, out[part], strict=True):
            excess = np.fmax(excess, _excess(plane, ours, maps, valid, 2 * step))
    convex = bool(maps.filter.convex)
    same_size = tuple(excess.shape) == tuple(maps.shape)
    return Certificate(
        convex=convex,
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
        outside=_outside(maps, image, region, mask) if region is not None else {},
    )


def _excess(plane: np.ndarray, result: np.ndarray, maps: ParameterMaps, valid: np.ndarray, step: float) -> np.ndarray:
    """By how much each value of a plane of the result leaves the range of the pixels in reach; 0 where it doesn't."""
    flt, usable = maps.filter, valid & np.isfinite(plane)
    side, mode = 2 * flt.reach + 1, flt.border
    low = minimum_filter(np.where(usable, plane, np.inf), side, mode=mode)
    high = maximum_filter(np.where(usable, plane, -np.inf), side, mode=mode)
    nearest = np.ix_(*(np.arange(out) * size // out for out, size in zip(result.shape, plane.shape, strict=True)))
    known = plane[usable]
    slack = step + ROUNDING * np.ptp(known) + 4 * np.finfo(np.float32).eps * np.abs(known).max()
    low, high = low[nearest], high[nearest]  # of filters that enlarge
    beyond = np.fmax(low - result, result - high)
    return np.where(np.isfinite(beyond) & (beyond > slack), beyond, 0.0)


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

"""Certificates: that a result is an average of what it was made of, and of which pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.evidence.bounds import value_bounds
from pkn.filters import absolute_weights
from pkn.filters.arrays import FULL_RANGE, check_image, check_mask, check_stack, native, to_floats
from pkn.restoration.arguments import check_maps
from pkn.restoration.frame_maps import FrameMaps
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.plain_units import readable_maps, sums_of_squares
from pkn.restoration.volume_maps import VolumeMaps
from pkn.restoration.weight_operators import frozen_weights, parts_of

ROUNDING = 1e-5  # of the image's span


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is certain about a filtered image, or a volume, whose arrays have (D, H, W) for (H, W).

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


def certify(
    image: Any,
    result: Any,
    maps: ParameterMaps | VolumeMaps | FrameMaps,
    *,
    region: Any = None,
    mask: Any = None,
) -> Certificate:
    """Check a result against its maps: that it is in the range of what it was made of, and what that was.

    Parameters
    ----------
    image : array, or sequence of arrays
        What was filtered: an image, a volume (D, H, W), or the frames that ``maps.frames`` tells.
    result : array
        What came out, of the image's dtype or floats. Integers may be off by half a step, floats by rounding.
    maps : ParameterMaps, VolumeMaps or FrameMaps
    region : bool array of shape (H, W), or (D, H, W), optional
        A region of interest: how much from outside it reaches in?
    mask : bool array of shape (H, W), or (D, H, W), optional
        As ``maps.apply`` had it; none for frames.

    Returns
    -------
    Certificate
        ``print`` says it in words. Of frames it is a :class:`pkn.evidence.frame_certificates.FrameCertificate`.

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
    if isinstance(maps, FrameMaps):
        from pkn.evidence.frame_certificates import certify_frame

        if mask is not None:
            raise TypeError("mask is given for frames; expected none")
        return certify_frame(image, maps, certify(maps.average, result, maps.maps, region=region))
    if isinstance(maps, VolumeMaps):
        image = check_stack(image, None, 0)
    else:
        maps = check_maps(maps)
        image = check_image(image, maps.channel_axis)
    result = np.asarray(result)
    step = 0.5 / np.iinfo(result.dtype).max if native(result.dtype) in FULL_RANGE else 0.0
    given = maps.apply(image, mask=mask)
    if result.shape != given.shape:
        raise ValueError(f"result has shape {result.shape}; expected {given.shape}, of the filtered image")
    if not np.isfinite(result).any():
        raise ValueError("result is NaN everywhere; expected the filtered image")
    lost = (np.isfinite(given) & ~np.isfinite(result)).sum()  # what the filter knows, and the result doesn't
    floats = to_floats(result) if native(result.dtype) in FULL_RANGE else result.astype(np.float64)
    valid = _valid(maps, mask)
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
        absolute_weights=_absolute_weights(maps, image, given, mask) if same_size else None,
        pixels=_pixels(maps, image, mask),
        bounds=bounds,
        outside={} if region is None else _outside(maps, image, region, mask),
        region=None if region is None else np.asarray(region),
    )


def _valid(maps: ParameterMaps | VolumeMaps, mask: Any) -> np.ndarray:
    """Where pixels carry weight, of the maps' shape."""
    *count, height, width = maps.shape
    checked = check_mask(mask, height, width, *count)
    valid = np.ones(maps.shape, bool)
    return valid if checked is None else (valid & checked).reshape(maps.shape)


def _absolute_weights(maps: ParameterMaps | VolumeMaps, image: Any, given: np.ndarray, mask: Any) -> np.ndarray | None:
    if isinstance(maps, ParameterMaps):
        return absolute_weights(maps.filter, image, *maps.values(), channel_axis=maps.channel_axis, mask=mask)
    return np.where(np.isfinite(given), np.float32(1), np.float32(np.nan)) if maps.filter.convex else None


def _pixels(maps: ParameterMaps | VolumeMaps, image: Any, mask: Any) -> dict[str, np.ndarray]:
    """The effective number of pixels that are averaged, for each part of the filter."""
    if isinstance(maps, VolumeMaps):
        squares = {name: sums_of_squares(each, maps.shape) for name, each in frozen_weights(maps, image, mask).items()}
        return {name: 1 / np.clip(each, 1e-12, 1) for name, each in squares.items()} if maps.filter.convex else {}
    return {
        name.removesuffix("pixels").removesuffix("_"): each.values
        for name, each in readable_maps(maps, image, mask).items()
        if name.endswith("pixels")
    }


def _excess(planes: np.ndarray, result: np.ndarray, bounds: np.ndarray, valid: np.ndarray, step: float) -> np.ndarray:
    """By how much a value of any plane of the result leaves its bounds, (H, W); 0 where none does."""
    sizes = zip(result.shape[1:], planes.shape[1:], strict=True)
    low, high = bounds[(..., *np.ix_(*(np.arange(out) * size // out for out, size in sizes)))]  # of enlarging filters
    known = planes[:, valid & np.isfinite(planes).all(0)]
    slack = step + ROUNDING * np.ptp(known) + 4 * np.finfo(np.float32).eps * np.abs(known).max()
    beyond = np.fmax(low - result, result - high)
    return np.asarray(np.where(np.isfinite(beyond) & (beyond > slack), beyond, 0.0).max(0))


def _outside(maps: ParameterMaps | VolumeMaps, image: Any, region: Any, mask: Any) -> dict[str, np.ndarray]:
    region = np.asarray(region)
    if region.dtype != bool or region.shape != maps.shape:
        raise ValueError(f"region is {region.dtype} of shape {region.shape}; expected bool of shape {maps.shape}")
    if not maps.filter.convex:
        return {}
    elsewhere = (~region)[None].astype(float)
    return {part: operator(elsewhere)[0] for part, operator in frozen_weights(maps, image, mask).items()}


def _named(part: str, what: str) -> str:
    return f"{part} {what}" if part else what

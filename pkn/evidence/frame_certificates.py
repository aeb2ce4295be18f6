"""Certificates for frames of a video, which are averaged along motion before the filter.

The average isn't convex: frames are interpolated between pixels by Lanczos weights, some of which are below 0. How much
they can do is known at each pixel: a sample's weights sum to 1, and their absolute values to the product of those of
its row and its column.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from pkn.evidence.certificates import ROUNDING, Certificate
from pkn.filters.arrays import check_image, to_floats
from pkn.motion.averaging import LANCZOS, PHASES, TAPS
from pkn.restoration.frame_maps import FrameMaps
from pkn.restoration.weight_operators import Operator, frozen_weights, parts_of

SUMS = np.abs(LANCZOS).sum(1)
GROWTH = np.maximum.reduce([np.roll(SUMS, shift) for shift in (-1, 0, 1)])  # a place may round to the next phase


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameCertificate(Certificate):
    """What is certain about a denoised frame of a video.

    Bounds, reach, number of pixels and what comes from outside a region are of the result and the average that the
    filter was applied to. But for these:

    Parameters
    ----------
    of_average : Certificate
        Of the result and the average.
    convex : bool
        Whether all weights of the frames' pixels are positive: only if there is no other frame.
    holds : bool
        Whether each value lies within its bounds, which follow from the average, and the average within those that
        follow from the frames.
    absolute_weights : array of shape (H, W)
        An upper bound of the sum of the absolute values of each pixel's weights of all frames' pixels, for luma or
        chroma whichever is larger; errors in the frames grow at most by that. For single pixels it is exact from
        :meth:`pkn.restoration.frame_maps.FrameMaps.kernel_at`.
    average_holds : bool
    average_bounds : dict of str to array of shape (2, C, H, W)
        Least and greatest value that each pixel of the average can have: of each frame the range of the 7 x 7 pixels
        around its sample, wider by what weights below 0 can add, times its share.
    frames : list of int
    shares : dict of str to array of shape (frames, H, W)
        Of each pixel's weight in each frame, exact, for each part of the filter.
    """

    of_average: Certificate
    average_holds: bool
    average_bounds: dict[str, np.ndarray]
    frames: list[int]
    shares: dict[str, np.ndarray]

    @property
    def overshoot(self) -> np.ndarray:
        """How far a value may leave the range of the pixels that carry its weight, as a share of that range, (H, W).

        Weights that sum to 1, and whose absolute values sum to S, have at most (S - 1) / 2 below 0.
        """
        assert self.absolute_weights is not None
        return np.asarray(np.maximum(self.absolute_weights - 1, 0) / 2)

    def __str__(self) -> str:
        mean, most = np.nanmean(self.overshoot), np.nanmax(self.overshoot)
        bound = "holds" if self.average_holds else "is broken"
        lines = [
            f"values may leave the range of the {len(self.frames)} frames' pixels that they are made of, by {mean:.3g} "
            f"of it in the mean, {most:.3g} at most: frames are interpolated with weights below 0",
            f"every value of the average lies within what its frames allow: {bound}",
            *(f"of the average: {line}" for line in str(self.of_average).splitlines()),
        ]
        return "\n".join(lines[2 * self.convex :])


def certify_frame(frames: Any, maps: FrameMaps, of_average: Certificate) -> FrameCertificate:
    """Add to what is certain of the result beside the average what is certain of the average beside its frames.

    Parameters
    ----------
    frames : sequence of arrays of the shape of a frame
        Those that ``maps.frames`` tells, in that order.
    maps : FrameMaps
    of_average : Certificate
        Of the result and ``maps.average``.

    Raises
    ------
    ValueError, TypeError
        If the frames are others.
    """
    checked = [check_image(frame, maps.maps.channel_axis) for frame in frames]
    shapes = [frame.shape for frame in checked]
    if shapes != [maps.average.shape] * len(maps.frames):
        raise ValueError(f"image has frames of shapes {shapes}; expected {len(maps.frames)} of {maps.average.shape}")
    growth = np.ones_like(maps.shares)
    bounds: dict[str, Any] = {}
    for number, frame in enumerate(checked):
        low_high, growth[number] = _sample_bounds(parts_of(maps.maps, to_floats(frame)), maps, number)
        for part, each in low_high.items():
            bounds[part] = bounds.get(part, 0) + maps.shares[number] * each
    operators = frozen_weights(maps.maps, maps.average)
    average_holds = all(_within(each, bounds[part]) for part, each in parts_of(maps.maps, maps.average).items())
    given = {name: getattr(of_average, name) for name in Certificate.__dataclass_fields__}
    return FrameCertificate(
        **given
        | {
            "convex": of_average.convex and len(checked) == 1,
            "holds": of_average.holds and average_holds,
            "absolute_weights": _absolute_weights(of_average, operators, (maps.shares * growth).sum(0)),
        },
        of_average=of_average,
        average_holds=average_holds,
        average_bounds=bounds,
        frames=list(maps.frames),
        shares={part: operator(maps.shares) for part, operator in operators.items()},
    )


def _sample_bounds(
    parts: dict[str, np.ndarray], maps: FrameMaps, number: int
) -> tuple[dict[str, np.ndarray], np.ndarray | float]:
    """Least and greatest value (2, C, H, W) of a frame's samples, and the sums of their absolute weights, (H, W)."""
    if number == maps.own:
        return {part: np.stack([planes, planes]) for part, planes in parts.items()}, 1.0
    size = maps.maps.shape
    places = np.indices(size) + maps.motion[number]
    phases = ((places - np.floor(places)) * PHASES).astype(int)
    growth = GROWTH[phases[0]] * GROWTH[phases[1]]
    # Of the taps of a sample none is farther than this from its nearest pixel, however that is rounded.
    side = 2 * (TAPS // 2) + 1
    rows, columns = (np.clip(np.rint(at), 0, most - 1).astype(int) for at, most in zip(places, size, strict=True))
    found = {}
    for part, planes in parts.items():
        low, high = (
            each(planes, (1, side, side), mode="nearest")[:, rows, columns] for each in (minimum_filter, maximum_filter)
        )
        beyond = (growth - 1) / 2 * (high - low)
        found[part] = np.stack([low - beyond, high + beyond])
    return found, growth


def _within(planes: np.ndarray, bounds: np.ndarray) -> bool:
    """Whether planes lie within their bounds, but for rounding."""
    slack = ROUNDING * np.ptp(planes) + 4 * np.finfo(np.float32).eps * np.abs(planes).max()
    low, high = bounds
    return bool(((planes >= low - slack) & (planes <= high + slack)).all())


def _absolute_weights(of_average: Certificate, operators: dict[str, Operator], sums: np.ndarray) -> np.ndarray | None:
    """An upper bound from ``sums`` (H, W) of the average's weights: those of pixels that are averaged are averaged."""
    if of_average.convex:
        return np.asarray(reduce(np.fmax, [operator(sums[None])[0] for operator in operators.values()]))
    return None if of_average.absolute_weights is None else of_average.absolute_weights * sums.max()

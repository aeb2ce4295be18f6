"""What makes a denoised frame of a video: each frame's share at each pixel, motion, and the filter's maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.filters.arrays import check_position
from pkn.filters.engine.borders import border_index
from pkn.motion.averaging import Sums, displacements, samples
from pkn.nets import Predictor
from pkn.restoration.frames import Frame, add_other, motion_between, of_luma, told_of_average
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.planes import values_of, with_black


@dataclass(frozen=True)
class FrameMaps:
    """The maps of one frame of a video, and how it is averaged with its neighbours before.

    Attributes
    ----------
    frames : list of int
        Numbers of the frames that are averaged.
    shares : array of shape (frames, H, W)
        Of each frame in the average at each pixel; they sum to 1.
    motion : array of shape (frames, 2, H, W)
        Where each pixel is found in each frame: pixels down and right.
    average : array of the shape of a frame
        What the filter is applied to.
    noise_factor : array of shape (H, W)
        The average's noise over a frame's.
    maps : ParameterMaps
        Of the filter.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> video = np.random.default_rng(0).normal(0.5, 0.1, (5, 48, 64)).astype(np.float32)
    >>> found = pkn.predict_maps(video, time_axis=0, at=2)
    >>> found.frames, found.shares.shape, sorted(found.maps)[:2]
    ([0, 1, 2, 3, 4], (5, 48, 64), ['blend_0', 'blend_1'])
    >>> weights = found.kernel_at((20, 30))
    >>> weights.shape, round(float(weights.sum()), 3)
    ((5, 48, 64), 1.0)
    >>> denoised = pkn.denoise(video, time_axis=0)[2]
    >>> bool(np.array_equal(found.apply(), denoised)), bool(abs((weights * video).sum() - denoised[20, 30]) < 1e-4)
    (True, True)
    """

    frames: list[int]
    shares: np.ndarray
    motion: np.ndarray
    average: np.ndarray
    noise_factor: np.ndarray
    maps: ParameterMaps
    _blocks: list[np.ndarray | None]  # motion as it was found

    def apply(self, *, dtype: Any = None) -> np.ndarray:
        """The denoised frame: the average, filtered with the maps."""
        return self.maps.apply(self.average, dtype=dtype)

    def kernel_at(self, position: tuple[int, int]) -> np.ndarray:
        """The exact weights of the output pixel at (row, column).

        Parameters
        ----------
        position : (row, column)

        Returns
        -------
        array of shape (frames, H, W), with luma and chroma before them for RGB filters that treat them differently
            The output is their sum with the frames.
        """
        row, column = at = check_position(position, self.shares.shape[1:])
        kernel = self.maps.kernel_at(self.average, (row, column))
        size = self.shares.shape[1:]
        parts = kernel.reshape(-1, *kernel.shape[-2:])
        weights = np.stack([self._through_time(_within(part, at, size, self.maps.filter)) for part in parts])
        return weights.reshape(*kernel.shape[:-2], *weights.shape[1:])

    def _through_time(self, weights: np.ndarray) -> np.ndarray:
        """Weights (frames, H, W) of the frames, from those of the average, (H, W)."""
        rows, columns = np.nonzero(weights)
        found = np.zeros_like(self.shares)
        for frame, share, motion in zip(found, self.shares, self._blocks, strict=True):
            own = weights[rows, columns] * share[rows, columns]
            if motion is None:
                frame[rows, columns] = own
            else:
                r, c, w = samples(motion, rows, columns, frame.shape)
                np.add.at(frame, (r, c), own[:, None, None] * w)
        return found


def _within(kernel: np.ndarray, at: tuple[int, ...], size: tuple[int, ...], flt: Any) -> np.ndarray:
    """A window's weights on the image's pixels, (H, W)."""
    reach = kernel.shape[0] // 2
    rows, columns = (
        border_index(side, reach, flt.border)[p : p + 2 * reach + 1] for p, side in zip(at, size, strict=True)
    )
    weights = np.zeros(size, np.float32)
    inside = (rows[:, None] >= 0) & (columns >= 0)
    np.add.at(weights, tuple(each[inside] for each in np.broadcast_arrays(rows[:, None], columns)), kernel[inside])
    return weights


def maps_of_frame(
    frames: Sequence[Frame],
    numbers: Sequence[int],
    at: int,
    network: Predictor,
    strength: Any,
    black: float,
    channel_axis: int | None,
    provenance: dict[str, Any],
) -> FrameMaps:
    """The maps of the frame ``at`` of some whose ``numbers`` these are; values are counted from ``black``."""
    here, luma = frames[at], of_luma(strength)
    total, parts = Sums.of(here.planes), []
    grid = np.indices(total.weights.shape)
    blocks = [None if other is here else motion_between(here, other) for other in frames]
    motion = np.zeros((len(frames), *grid.shape), np.float32)
    for number, (other, block) in enumerate(zip(frames, blocks, strict=True)):
        own = Sums.nothing(here.planes)
        if block is None:
            own.weights[...] = 1
        else:
            motion[number] = displacements(block, *grid.reshape(2, -1)).reshape(grid.shape)
            for sums in (own, total):
                add_other(sums, here, other, block, luma)
        parts.append(own.weights)
    planes, factor = total.mean()
    values = values_of(planes[None], network, strength, told_of_average(frames[at].told, factor))
    image = with_black(planes, black)
    average = image[0] if channel_axis is None else np.moveaxis(image, 0, channel_axis)
    maps = ParameterMaps(network.filter, values, channel_axis, provenance)
    return FrameMaps(list(numbers), np.stack(parts) / total.weights, motion, average, factor, maps, blocks)

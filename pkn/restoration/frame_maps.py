"""What makes a denoised frame of a video: each frame's share at each pixel, motion, and the filter's maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkn.filters.arrays import check_image, check_position, planar
from pkn.filters.engine.borders import border_index
from pkn.filters.engine.pyramid_levels import level_size
from pkn.motion.averaging import Sums, displacements, samples
from pkn.motion.matching import grid_size
from pkn.nets import Predictor
from pkn.restoration.frames import Frame, add_other, motion_between, of_luma, told_of_average
from pkn.restoration.map_files import filter_of, header_of, reading, write_maps
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.planes import values_of, with_black

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "maps of a frame"
SHARES = 1e-4  # by which their sum may differ from 1


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
        Where each pixel is found in each frame: pixels down and right. 0 for the frame itself.
    average : array of the shape of a frame
        What the filter is applied to.
    noise_factor : array of shape (H, W)
        The average's noise over a frame's.
    maps : ParameterMaps
        Of the filter.
    blocks : list of array of shape (2, rows, columns), or None
        Motion as it was found, of blocks of the half-size frame (:func:`pkn.motion.matching.find_motion`); None for
        the frame itself.

    Raises
    ------
    ValueError
        If the arrays don't fit each other.

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
    blocks: list[np.ndarray | None]

    def __post_init__(self) -> None:
        size, number = self.maps.shape, len(self.frames)
        coarse = (2, *grid_size(level_size(size, 1)))
        average = planar(check_image(self.average, self.maps.channel_axis), self.maps.channel_axis)
        came = self.shares.shape, self.noise_factor.shape, average.shape[1:], self.motion.shape
        expected = (number, *size), size, size, (number, 2, *size)
        shapes = [None if block is None else block.shape for block in self.blocks]
        if came != expected or shapes.count(None) != 1 or shapes.count(coarse) != number - 1:
            raise ValueError(
                f"shares, noise_factor, average, motion and blocks have shapes {came} and {shapes}; "
                f"expected {expected} and, for all frames but one, {coarse}"
            )
        if not (self.shares.min() >= 0 and np.abs(self.shares.sum(0) - 1).max() <= SHARES):
            raise ValueError("shares are below 0, or their sum isn't 1; expected shares of an average")
        if not all(np.isfinite(each).all() for each in (self.average, self.noise_factor, self.motion)):
            raise ValueError("average, noise_factor or motion is not finite; expected numbers")

    @property
    def own(self) -> int:
        """Which of the frames it is itself."""
        return next(number for number, block in enumerate(self.blocks) if block is None)

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
        for frame, share, motion in zip(found, self.shares, self.blocks, strict=True):
            own = weights[rows, columns] * share[rows, columns]
            if motion is None:
                frame[rows, columns] = own
            else:
                r, c, w = samples(motion, rows, columns, frame.shape)
                np.add.at(frame, (r, c), own[:, None, None] * w)
        return found

    def plot(self) -> "tuple[Figure, np.ndarray[Any, np.dtype[Any]]]":
        """Draw the frames' shares, their motion, the noise that is left, and the filter's readable maps.

        Returns
        -------
        (matplotlib.figure.Figure, array of matplotlib.axes.Axes)
        """
        from pkn.plotting.frame_maps import plot_frame_maps

        return plot_frame_maps(self, self.maps.readable(self.average))

    def save(self, path: str | Path) -> None:
        """Save as ``.npz``; :meth:`load` returns what is bit-identical.

        Parameters
        ----------
        path : str or path
            Ends in .npz.

        Raises
        ------
        ValueError
            If it has another suffix, or all arrays more than 2 GiB.
        OSError
            If the file can't be written.
        """
        header = header_of(
            self.maps.filter, KIND, self.maps.provenance, channel_axis=self.maps.channel_axis, frames=self.frames
        )
        arrays = {"shares": self.shares, "average": self.average, "noise_factor": self.noise_factor}
        arrays |= {f"block_{number}": block for number, block in enumerate(self.blocks) if block is not None}
        arrays |= {f"map_{name}": values for name, values in self.maps.items()}
        write_maps(Path(path), header, arrays, (".npz",))

    @classmethod
    def load(cls, path: str | Path) -> "FrameMaps":
        """Read what :meth:`save` wrote, without the network and the video.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        FrameMaps

        Raises
        ------
        ValueError
            If the file is damaged or of another kind.
        OSError
            If it can't be read.
        """
        with reading(Path(path), KIND) as (header, arrays):
            values = {name.removeprefix("map_"): arrays[name] for name in arrays if name.startswith("map_")}
            maps = ParameterMaps(filter_of(header), values, header["channel_axis"], header["provenance"])
            blocks = [arrays.get(f"block_{number}") for number in range(len(header["frames"]))]
            motion, shares = motion_of(blocks, maps.shape), arrays["shares"]
            return cls(header["frames"], shares, motion, arrays["average"], arrays["noise_factor"], maps, blocks)


def motion_of(blocks: Sequence[np.ndarray | None], size: tuple[int, int]) -> np.ndarray:
    """Motion (frames, 2, H, W) at each pixel, from that of blocks; 0 where there is none."""
    grid = np.indices(size)
    motion = np.zeros((len(blocks), *grid.shape), np.float32)
    for found, block in zip(motion, blocks, strict=True):
        if block is not None:
            found[...] = displacements(block, *grid.reshape(2, -1)).reshape(grid.shape)
    return motion


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
    blocks = [None if other is here else motion_between(here, other) for other in frames]
    for other, block in zip(frames, blocks, strict=True):
        own = Sums.nothing(here.planes)
        if block is None:
            own.weights[...] = 1
        else:
            for sums in (own, total):
                add_other(sums, here, other, block, luma)
        parts.append(own.weights)
    planes, factor = total.mean()
    values = values_of(planes[None], network, strength, told_of_average(frames[at].told, factor))
    image = with_black(planes, black)
    average = image[0] if channel_axis is None else np.moveaxis(image, 0, channel_axis)
    maps = ParameterMaps(network.filter, values, channel_axis, provenance)
    motion = motion_of(blocks, maps.shape)
    return FrameMaps(list(numbers), np.stack(parts) / total.weights, motion, average, factor, maps, blocks)

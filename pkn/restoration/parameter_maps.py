"""Parameter maps, which a network predicts for a filter, as named arrays to read, edit, save and apply."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkn.filters import absolute_weights
from pkn.restoration.filter_maps import FilterMaps
from pkn.restoration.map_files import OF_IMAGES, TIFF, filter_of, header_of, reading, write_maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pkn.restoration.explanation import PixelExplanation
    from pkn.restoration.plain_units import ReadableMap


@dataclass(frozen=True)
class ParameterMaps(FilterMaps):
    """A filter's parameter maps for one image: a mapping of names to arrays.

    Parameters
    ----------
    filter : pkn.filters.Filter
        The filter that the maps are for, with its settings.
    values_by_name : mapping of str to array of shape (H, W)
        One for each of the filter's maps, in the units that ``filter.ranges`` gives; (K, K, H, W) for free kernels, and
        half the size for each next level of a pyramid. They are copied as float32; edit them in place, or make a
        changed copy with :meth:`replace`.
    channel_axis : int, optional
        Axis of the channels of the image that they were predicted for.
    provenance : mapping of str to str, number, list or mapping
        Where the maps come from: network, noise level, strength, version. Must be representable in JSON.

    Raises
    ------
    ValueError, TypeError
        If names, shapes or values are not valid for the filter.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.filters import IsotropicGaussian
    >>> image = np.zeros((8, 10))
    >>> image[:, 5:] = 1
    >>> maps = pkn.ParameterMaps(IsotropicGaussian(4), {"sigma": np.full((8, 10), 1.0)})
    >>> maps.shape, maps.ranges["sigma"].unit
    ((8, 10), 'px')
    >>> maps.apply(image)[0].round(2).tolist()
    [0.0, 0.0, 0.0, 0.06, 0.3, 0.7, 0.94, 1.0, 1.0, 1.0]
    >>> maps["sigma"][:, :5] = 0  # no smoothing in the left half
    >>> maps.apply(image)[0].round(2).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.7, 0.94, 1.0, 1.0, 1.0]

    They are saved with the filter and its settings:

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     maps.save(Path(folder) / "maps.npz")
    ...     loaded = pkn.ParameterMaps.load(Path(folder) / "maps.npz")
    >>> bool(np.array_equal(loaded.apply(image), maps.apply(image)))
    True
    """

    channel_axis: int | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = self.copies()
        sizes = {name: array.shape[-2:] for name, array in arrays.items()}
        largest = max(sizes.values(), key=lambda size: (len(size), size))
        if len(largest) != 2 or any(size != self.filter.map_size(name, largest) for name, size in sizes.items()):
            raise ValueError(f"maps have sizes {sizes}; expected those of one image (H, W) for all of them")
        object.__setattr__(self, "values_by_name", arrays)
        self.filter.check_maps((), arrays, np.empty((1, 1, *self.shape), np.float32))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image that the maps are for."""
        height, width = max(values.shape[-2:] for values in self.values_by_name.values())
        return height, width

    def __repr__(self) -> str:
        maps = ", ".join(f"{name} {v.min():.3g}..{v.max():.3g} {self.ranges[name].unit}" for name, v in self.items())
        return f"<ParameterMaps of {self.filter} for {self.shape[0]} x {self.shape[1]} px: {maps}>"

    def replace(self, **maps: np.ndarray) -> "ParameterMaps":
        """A copy in which the given maps are replaced."""
        return ParameterMaps(self.filter, {**self.values_by_name, **maps}, self.channel_axis, dict(self.provenance))

    def apply(self, image: Any, *, mask: Any = None, dtype: Any = None) -> np.ndarray:
        """Filter an image with these maps.

        Results are bit-identical each time, and on all machines with the same instruction set.

        Parameters
        ----------
        image : array of shape (H, W), or three-dimensional with ``channel_axis``
            Of the maps' size.
        mask : bool array of shape (H, W), optional
            Pixels that are False carry no weight.
        dtype : dtype or "same", optional
            Of the result; see :meth:`pkn.filters.Filter.__call__`.

        Returns
        -------
        array of the image's shape (of another size for filters that enlarge)

        Raises
        ------
        ValueError, TypeError
            Naming the argument, what came, and what is expected.
        """
        named: dict[str, Any] = dict(self.values_by_name)
        return self.filter(image, channel_axis=self.channel_axis, mask=mask, dtype=dtype, **named)

    def kernel_at(self, image: Any, position: tuple[int, int]) -> np.ndarray:
        """The exact weights of the output pixel at (row, column); see :meth:`pkn.filters.Filter.kernel_at`."""
        return self.filter.kernel_at(image, self, position, channel_axis=self.channel_axis)

    def readable(self, image: Any = None, *, mask: Any = None) -> "dict[str, ReadableMap]":
        """What the filter does at each pixel, in plain units: radius, direction, number of pixels, share of levels.

        See :func:`pkn.restoration.plain_units.readable_maps`; bilateral filters and non-local means need the image.
        """
        from pkn.restoration.plain_units import readable_maps

        return readable_maps(self, image, mask)

    def explain(self, image: Any, position: tuple[int, int]) -> "PixelExplanation":
        """Why an output pixel is what it is; see :func:`pkn.restoration.explanation.explain_pixel`."""
        from pkn.restoration.explanation import explain_pixel

        return explain_pixel(self, image, position)

    def plot(self, image: Any = None) -> "tuple[Figure, np.ndarray[Any, np.dtype[Any]]]":
        """Draw all maps side by side, those of :meth:`readable` first; returns a matplotlib figure and its axes."""
        from pkn.plotting import maps

        return maps.plot_maps(self, self.readable(image))

    def draw(self, name: str, axes: "Axes") -> None:
        """Draw one map into given matplotlib axes, with a colour bar."""
        from pkn.plotting import maps

        maps.draw_map(axes, self[name], name, self.ranges[name])

    def to_png(self, folder: str | Path) -> list[Path]:
        """Write a figure of each map as PNG into a folder, which is made if it doesn't exist; returns the paths."""
        from pkn.plotting import maps

        return maps.write_maps(self, Path(folder))

    def save(self, path: str | Path) -> None:
        """Save as ``.npz``, or as ``.tif`` with a page of floats for each map and metadata in the image description.

        Both hold filter, settings, units and provenance, and :meth:`load` returns bit-identical maps.

        Parameters
        ----------
        path : str or path
            Ends in .npz, .tif or .tiff.

        Raises
        ------
        ValueError
            If it has another suffix, or the maps more than 2 GiB.
        OSError
            If the file can't be written (see :func:`pkn.io.atomic.atomic_path`).
        """
        header = header_of(self.filter, OF_IMAGES, self.provenance, channel_axis=self.channel_axis)
        write_maps(Path(path), header, self.values_by_name, (".npz", *TIFF))

    @classmethod
    def load(cls, path: str | Path) -> "ParameterMaps":
        """Read what :meth:`save` wrote, without PyTorch and the network that predicted the maps.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        ParameterMaps

        Raises
        ------
        ValueError
            If the file is damaged or of another kind.
        OSError
            If it can't be read.
        """
        with reading(Path(path), OF_IMAGES) as (header, arrays):
            return cls(filter_of(header), arrays, header["channel_axis"], header["provenance"])


def weight_facts(maps: ParameterMaps, image: Any, mask: Any = None) -> list[tuple[str, str]]:
    """How much a filter amplifies, for a report: the sums of the absolute values of its weights.

    Parameters
    ----------
    maps : ParameterMaps
        For this image.
    image, mask
        As :meth:`ParameterMaps.apply` takes them.

    Returns
    -------
    list of (str, str)
        Names and values; empty if the filter's weights are never negative, so that it doesn't amplify.
    """
    if maps.filter.convex:
        return []
    sums = absolute_weights(maps.filter, image, *maps.values(), channel_axis=maps.channel_axis, mask=mask)
    known = sums[np.isfinite(sums)]
    if not known.size:
        return [("sum of |w|", "nowhere known")]
    where = f"exact, at {known.size} pixels of {sums.size}"
    return [("sum of |w|", f"{known.mean():.2f} on average, at most {known.max():.2f} ({where})")]

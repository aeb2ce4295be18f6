"""The parameter maps of a volume, whose filter has windows of several planes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkn.restoration.filter_maps import FilterMaps
from pkn.restoration.map_files import filter_of, header_of, reading, write_maps
from pkn.restoration.parameter_maps import ParameterMaps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pkn.restoration.plain_units import ReadableMap

KIND = "maps of a volume"


@dataclass(frozen=True)
class VolumeMaps(FilterMaps):
    """The maps of a volume: a mapping of names to arrays (D, H, W), (features, D, H, W) for guides.

    Parameters
    ----------
    filter : pkn.filters.Filter
        With its settings.
    values_by_name : mapping of str to array
        One for each of the filter's maps, in the units that ``filter.ranges`` gives, with half the rows and columns for
        each next level of a pyramid. They are copied as float32.
    provenance : mapping of str to str, number, list or mapping
        Where the maps come from. Must be representable in JSON.

    Raises
    ------
    ValueError, TypeError
        If names, shapes or values are not valid for the filter.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> volume = np.random.default_rng(0).poisson(20, (4, 48, 64)).astype(np.float32)
    >>> maps = pkn.predict_maps(volume, depth_axis=0)
    >>> maps["kz_0"].shape, maps["guide_0"].shape
    ((4, 48, 64), (3, 4, 48, 64))
    >>> denoised = pkn.denoise(volume, depth_axis=0)
    >>> bool(np.array_equal(maps.apply(volume), denoised))
    True
    >>> maps.kernel_at(volume, (1, 20, 30)).shape[0]  # weights of five planes
    5
    >>> sorted(maps.readable(1))  # of a plane, in plain units
    ['coarser', 'direction', 'pixels', 'planes', 'radius']
    """

    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = self.copies()
        object.__setattr__(self, "values_by_name", arrays)
        if any(array.ndim != 3 + len(self.filter.plane_shape(name)) for name, array in arrays.items()):
            shapes = {name: array.shape for name, array in arrays.items()}
            raise ValueError(f"maps have shapes {shapes}; expected those of one volume (D, H, W) for all of them")
        planes, height, width = self.shape
        self.filter.check_maps((), arrays, np.empty((planes, 1, height, width), np.float32))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Planes, height and width of the volume that the maps are for."""
        planes, height, width = max(values.shape[-3:] for values in self.values_by_name.values())
        return planes, height, width

    def apply(self, volume: Any, *, mask: Any = None, dtype: Any = None) -> np.ndarray:
        """Filter a volume (D, H, W) with these maps; see :meth:`pkn.filters.Filter.__call__`."""
        named: dict[str, Any] = dict(self.values_by_name)
        return self.filter(volume, depth_axis=0, mask=mask, dtype=dtype, **named)

    def kernel_at(self, volume: Any, position: tuple[int, int, int]) -> np.ndarray:
        """The exact weights of the output at (plane, row, column); see :meth:`pkn.filters.Filter.kernel_at`."""
        return self.filter.kernel_at(volume, self, position, depth_axis=0)

    def around(self, plane: int) -> "tuple[VolumeMaps, int]":
        """The maps of the planes in a plane's windows, and which of them is the plane; -1 is the volume's last.

        Raises
        ------
        ValueError
            If there is no such plane.
        """
        count, reach = self.shape[0], self.filter.radius_z
        if not -count <= plane < count:
            raise ValueError(f"plane is {plane}; expected the number of one of {count} planes")
        plane %= count
        first, stop = (0, count) if self.filter.border_z == "wrap" else (max(plane - reach, 0), plane + reach + 1)
        near = {name: values[..., first:stop, :, :] for name, values in self.items()}
        return VolumeMaps(self.filter, near, self.provenance), plane - first

    def readable(self, plane: int) -> "dict[str, ReadableMap]":
        """What the filter does at each pixel of a plane; see :func:`pkn.restoration.plain_units.readable_plane`."""
        from pkn.restoration.plain_units import readable_plane

        return readable_plane(self, plane)

    def plot(self, plane: int = 0) -> "tuple[Figure, np.ndarray[Any, np.dtype[Any]]]":
        """Draw the maps of a plane, those of :meth:`readable` first; returns a matplotlib figure and its axes."""
        from pkn.plotting import maps

        near, at = self.around(plane)
        own = {name: values[..., at, :, :] for name, values in near.items()}
        return maps.plot_maps(ParameterMaps(self.filter, own), self.readable(plane))

    def save(self, path: str | Path) -> None:
        """Save as ``.npz``, with filter, settings, units and provenance; :meth:`load` returns bit-identical maps.

        Parameters
        ----------
        path : str or path
            Ends in .npz.

        Raises
        ------
        ValueError
            If it has another suffix, or the maps more than 2 GiB.
        OSError
            If the file can't be written.
        """
        write_maps(Path(path), header_of(self.filter, KIND, self.provenance), self.values_by_name, (".npz",))

    @classmethod
    def load(cls, path: str | Path) -> "VolumeMaps":
        """Read what :meth:`save` wrote, without the network that predicted the maps.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        VolumeMaps

        Raises
        ------
        ValueError
            If the file is damaged or of another kind.
        OSError
            If it can't be read.
        """
        with reading(Path(path), KIND) as (header, arrays):
            return cls(filter_of(header), arrays, header["provenance"])

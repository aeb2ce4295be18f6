"""Parameter maps: what a network decided, as named arrays that a person can read, edit, save and replay."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkn.filters import FILTERS, Filter, MapRange, absolute_weights
from pkn.io.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMAT = 1


@dataclass(frozen=True)
class ParameterMaps(Mapping[str, np.ndarray]):
    """A filter's maps for one image: a mapping of name to array.

    Parameters
    ----------
    filter : Filter
        The filter that the maps belong to, with its settings.
    values_by_name : mapping of str to array of shape (H, W)
        One for each of the filter's maps; (K, K, H, W) for free kernels, halved level by level for a pyramid. Kept as
        float32; edit them in place, or make a changed copy with :meth:`replace`.
    channel_axis : int, optional
        Of the image that they were predicted for.
    provenance : mapping of str to str, number, list or mapping
        Where the maps come from: network, noise level, strength, version. Must be representable in JSON.

    Raises
    ------
    ValueError, TypeError
        If names, shapes or values aren't the filter's.
    """

    filter: Filter
    values_by_name: dict[str, np.ndarray]
    channel_axis: int | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = list(self.filter.Maps._fields)  # type: ignore[attr-defined]
        if sorted(self.values_by_name) != sorted(names):
            raise ValueError(
                f"maps are {sorted(self.values_by_name)}; expected {names} for the filter {type(self.filter).__name__}"
            )
        arrays = {name: np.array(self.values_by_name[name], np.float32, order="C") for name in names}
        sizes = {name: array.shape[-2:] for name, array in arrays.items()}
        largest = max(sizes.values(), key=lambda size: (len(size), size))
        if len(largest) != 2 or any(size != self.filter.map_size(name, largest) for name, size in sizes.items()):
            raise ValueError(f"maps have sizes {sizes}; expected those of one image (H, W) for all of them")
        object.__setattr__(self, "values_by_name", arrays)
        self.filter.check_maps((), arrays, np.empty((1, 1, *self.shape), np.float32))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image that they fit."""
        height, width = max(values.shape[-2:] for values in self.values_by_name.values())
        return height, width

    @property
    def ranges(self) -> Mapping[str, MapRange]:
        """Unit, range and meaning of each map."""
        return self.filter.ranges

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __repr__(self) -> str:
        maps = ", ".join(f"{name} {v.min():.3g}..{v.max():.3g} {self.ranges[name].unit}" for name, v in self.items())
        return f"<ParameterMaps of {self.filter} for {self.shape[0]} x {self.shape[1]} px: {maps}>"

    def replace(self, **maps: np.ndarray) -> "ParameterMaps":
        """A copy with some maps exchanged."""
        return ParameterMaps(self.filter, {**self.values_by_name, **maps}, self.channel_axis, dict(self.provenance))

    def apply(self, image: Any, *, mask: Any = None, dtype: Any = None) -> np.ndarray:
        """Filter an image with these maps: the same bits each time, on every machine with the same instructions.

        Parameters
        ----------
        image : array of the maps' size, with their ``channel_axis``
        mask : bool array of shape (H, W), optional
            Pixels that are False carry no weight.
        dtype : dtype or "same", optional
            Of the result; see :meth:`pkn.filters.Filter.__call__`.
        """
        return self.filter(image, channel_axis=self.channel_axis, mask=mask, dtype=dtype, **self.values_by_name)

    def kernel_at(self, image: Any, position: tuple[int, int]) -> np.ndarray:
        """The exact weights behind the output pixel at (row, column)."""
        return self.filter.kernel_at(image, self, position, channel_axis=self.channel_axis)

    def plot(self) -> "tuple[Figure, np.ndarray[Any, np.dtype[Any]]]":
        """All maps side by side; returns figure and axes of matplotlib."""
        from pkn.plotting import maps

        return maps.plot_maps(self)

    def draw(self, name: str, axes: "Axes") -> None:
        """One map into given axes, with a colour bar."""
        from pkn.plotting import maps

        maps.draw_map(axes, self[name], name, self.ranges[name])

    def to_png(self, folder: str | Path) -> list[Path]:
        """Write one picture per map, with colour bar and unit, into a folder (made if need be); returns their paths."""
        from pkn.plotting import maps

        return maps.write_maps(self, Path(folder))

    def save(self, path: str | Path) -> None:
        """Save as ``.npz`` or as float ``.tif`` (a page per map, metadata in the image description).

        Both hold filter, settings, units and provenance, and :meth:`load` gives back the same bits.
        """
        path = Path(path)
        if path.suffix.lower() not in (".npz", ".tif", ".tiff"):
            raise ValueError(f"path is '{path}'; expected a name that ends in .npz, .tif or .tiff")
        with atomic_path(path) as temporary:
            if path.suffix.lower() == ".npz":
                np.savez_compressed(temporary, header=np.array(self._header()), **self.values_by_name)  # type: ignore[arg-type]
            else:
                _write_tiff(temporary, self._header(), self.values_by_name)

    @classmethod
    def load(cls, path: str | Path) -> "ParameterMaps":
        """Read what :meth:`save` wrote. Needs neither torch nor the network that made the maps."""
        path = Path(path)
        try:
            header, arrays = _read_npz(path) if path.suffix.lower() == ".npz" else _read_tiff(path)
            return cls(_filter_of(header), arrays, header["channel_axis"], header["provenance"])
        except OSError:
            raise
        except Exception as error:
            raise ValueError(f"cannot read '{path}' as parameter maps: {error}") from error

    def _header(self) -> str:
        return json.dumps(
            {
                "format": FORMAT,
                "filter": {"name": type(self.filter).__name__, **asdict(self.filter)},
                "channel_axis": self.channel_axis,
                "provenance": self.provenance,
                "maps": {
                    name: {"unit": limits.unit, "low": limits.low, "high": limits.high, "meaning": limits.meaning}
                    for name, limits in self.ranges.items()
                },
            }
        )


def weight_facts(maps: ParameterMaps, image: Any, mask: Any = None) -> list[tuple[str, str]]:
    """Facts for a report on how much a filter that isn't convex may amplify; none for one that is.

    Parameters
    ----------
    maps
        Of the filter, for this image.
    image, mask
        As :meth:`ParameterMaps.apply` takes them.
    """
    if maps.filter.convex:
        return []
    sums = absolute_weights(maps.filter, image, *maps.values(), channel_axis=maps.channel_axis, mask=mask)
    found = sums[np.isfinite(sums)]
    if not found.size:
        return [("sum of |w|", "nowhere known")]
    where = f"exact, at {found.size} pixels of {sums.size}"
    return [("sum of |w|", f"{found.mean():.2f} on average, at most {found.max():.2f} ({where})")]


def _write_tiff(path: Path, header: str, arrays: dict[str, np.ndarray]) -> None:
    import tifffile

    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(page for v in arrays.values() for page in v.reshape(-1, *v.shape[-2:])):
            file.write(
                page,
                photometric="minisblack",
                compression="deflate",
                predictor=True,
                description=None if number else header,
                metadata=None,
            )


def _read_npz(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return json.loads(str(arrays.pop("header"))), arrays


def _read_tiff(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    import tifffile

    with tifffile.TiffFile(path) as stored:
        header = json.loads(stored.pages[0].description)  # type: ignore[union-attr]
        pages = iter([page.asarray() for page in stored.pages])
    flt = _filter_of(header)
    arrays = {}
    for name in header["maps"]:
        each = flt.plane_shape(name)
        planes = np.stack([next(pages) for _ in range(math.prod(each))])
        arrays[name] = planes.reshape(each + planes.shape[1:])
    return header, arrays


def _filter_of(header: dict[str, Any]) -> Filter:
    settings = dict(header["filter"])
    return {kind.__name__: kind for kind in FILTERS}[settings.pop("name")](**settings)

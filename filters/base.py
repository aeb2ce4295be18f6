"""The base class of all filters: a frozen dataclass of settings, called on an image with maps; forward and vjp."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters import arrays
from pkn.filters.engine import window, window_vjp
from pkn.filters.engine.borders import MODES, pad

MODES_Z = ("omit", *MODES[:-1])  # beyond the ends of a stack


class MapRange(NamedTuple):
    """Unit and range of a map.

    Networks predict values from ``low`` to ``high``, evenly in the logarithm if ``logarithmic``. Users may give any
    value in ``valid``. ``strength`` is the power of the user's strength that multiplies the map, and ``meaning`` a
    few words on the map for reports.

    Examples
    --------
    >>> from pkn.filters import Bilateral
    >>> Bilateral.ranges["sigma_space"].unit, Bilateral.ranges["sigma_space"].high
    ('px', 8.0)
    """

    unit: str
    low: float
    high: float
    valid: tuple[float, float]
    logarithmic: bool = True
    strength: int = 0
    meaning: str = ""


@dataclass(frozen=True)
class Filter:
    """A filter with per-pixel maps on square windows of ``2 radius + 1`` pixels a side, in one plane or several.

    Parameters
    ----------
    radius : int
        Pixels from the centre to the window's edge, at least 1.
    border : {"reflect", "mirror", "nearest", "wrap", "constant"}
        What lies outside the image, named as in scipy.ndimage; "constant" is 0.
    radius_z : int
        Planes of a stack from the centre to the window's first and last; 0 filters each plane by itself.
    border_z : {"omit", "reflect", "mirror", "nearest", "wrap"}
        What lies beyond the first and last plane: with "omit" nothing, so windows are shorter there.
    causal : bool
        Whether windows have no planes after the centre's.
    spacing : (float, float, float)
        Distances of planes, rows and columns, in the unit of which spatial maps are then multiples.

    Raises
    ------
    ValueError
        If a radius is no whole number, a border none of these, or a distance not above 0.

    Examples
    --------
    >>> from pkn.filters import Filter, IsotropicGaussian
    >>> flt = IsotropicGaussian(radius=3)
    >>> isinstance(flt, Filter), flt.halo, flt.ranges["sigma"].unit
    (True, 3, 'px')

    Through the planes of a volume, which are twice as far apart as its pixels:

    >>> deep = IsotropicGaussian(radius=3, radius_z=1, spacing=(2, 1, 1))
    >>> deep(np.ones((4, 5, 6)), sigma=1.0, depth_axis=0).shape
    (4, 5, 6)
    """

    radius: int = 7
    border: str = "reflect"
    radius_z: int = field(default=0, kw_only=True)
    border_z: str = field(default="omit", kw_only=True)
    causal: bool = field(default=False, kw_only=True)
    spacing: tuple[float, float, float] = field(default=(1.0, 1.0, 1.0), kw_only=True)

    Maps: ClassVar[type[tuple[Any, ...]]]
    DeepMaps: ClassVar[type[tuple[Any, ...]] | None] = None  # with windows of several planes, if they differ
    ranges: ClassVar[Mapping[str, MapRange]]
    deep_ranges: ClassVar[Mapping[str, MapRange]] = {}
    convex: ClassVar[bool] = True
    deep: ClassVar[bool] = True  # whether windows may have several planes
    channels: ClassVar[int | None] = None  # that an image must have, if not any number

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", arrays.check_whole_number("radius", self.radius))
        if self.border not in MODES:
            raise ValueError(f"border is {self.border!r}; expected one of {', '.join(MODES)}")
        object.__setattr__(self, "radius_z", arrays.check_whole_number("radius_z", self.radius_z, least=0))
        if self.border_z not in MODES_Z:
            raise ValueError(f"border_z is {self.border_z!r}; expected one of {', '.join(MODES_Z)}")
        object.__setattr__(self, "spacing", arrays.check_spacing(self.spacing))
        if not self.deep and (self.radius_z or self.spacing != (1, 1, 1)):
            raise ValueError(
                f"radius_z is {self.radius_z} and spacing {self.spacing}; "
                f"expected 0 and (1, 1, 1) for {type(self).__name__}, which filters planes"
            )
        if self.radius_z and self.DeepMaps is not None:  # on the instance: more maps than the class has
            all_ranges = {**self.ranges, **self.deep_ranges}
            object.__setattr__(self, "Maps", self.DeepMaps)
            object.__setattr__(self, "ranges", {name: all_ranges[name] for name in self.DeepMaps._fields})  # type: ignore[attr-defined]

    @property
    def window(self) -> window.Shape:
        """The shape of the windows, for the core."""
        z = self.radius_z, self.border_z, bool(self.causal)
        return window.Shape(self.radius, self.border, *z, self.spacing)

    @property
    def reach(self) -> int:
        """Pixels from the centre to the edge of the array of :meth:`kernel_at`, which holds all non-zero weights."""
        return self.radius

    @property
    def halo(self) -> int:
        """Pixels around a tile of the image that the tile's result depends on."""
        return self.reach

    def __call__(
        self,
        image: Any,
        *maps: Any,
        channel_axis: int | None = None,
        depth_axis: int | None = None,
        mask: Any = None,
        dtype: Any = None,
        **named_maps: Any,
    ) -> np.ndarray:
        """Filter an image or a stack of planes.

        Parameters
        ----------
        image : array of shape (H, W), with one axis more each for ``channel_axis`` and ``depth_axis``
            uint8 and uint16 are read as fractions of their full range, floats as they are. Pixels that are not finite
            carry no weight.
        *maps, **named_maps : float or array of shape (H, W), or (D, H, W) for a stack of D planes
            The filter's maps in their order, or by name; units and ranges are in ``ranges``.
        channel_axis : int, optional
            Axis of the channels. They share the maps; range distances are summed over them.
        depth_axis : int, optional
            Axis of the planes of a stack; windows reach ``radius_z`` planes to either side.
        mask : bool array of shape (H, W) or (D, H, W), optional
            Pixels that are False carry no weight.
        dtype : dtype or "same", optional
            Of the result. By default float64 for float64, else float32; "same" and integers round and clip.

        Returns
        -------
        array of the image's shape
            NaN where no pixel of a window carries weight.

        Raises
        ------
        ValueError, TypeError
            Naming the argument, what came, and what is expected.
        """
        arrays.check_dtype(dtype)
        image = arrays.check_stack(image, channel_axis, depth_axis)
        planes = arrays.stack_to_planes(image, channel_axis, depth_axis)
        checked = self.check_maps(maps, named_maps, planes)
        count, _, height, width = planes.shape
        valid = arrays.check_mask(mask, height, width, None if depth_axis is None else count)
        out, _ = self.forward(planes, checked, valid, keep=False)
        return arrays.stack_from_planes(out, channel_axis, depth_axis, dtype, image.dtype)

    def kernel_at(
        self,
        image: Any,
        maps: Any,
        position: tuple[int, ...],
        *,
        channel_axis: int | None = None,
        depth_axis: int | None = None,
        mask: Any = None,
    ) -> np.ndarray:
        """The exact weights behind one output pixel.

        Parameters
        ----------
        image, channel_axis, depth_axis, mask
            As in a call.
        maps : mapping, NamedTuple or sequence of the filter's maps
            Each a number or an array of shape (H, W), or (D, H, W).
        position : (row, column), or (plane, row, column) with ``depth_axis``

        Returns
        -------
        array of shape (2 reach + 1, 2 reach + 1), for a filter of several planes (planes, 2 reach + 1, 2 reach + 1)
            The output is their sum with the window's pixels, those outside the image taken by ``border``.
        """
        image = arrays.check_stack(image, channel_axis, depth_axis)
        planes = arrays.stack_to_planes(image, channel_axis, depth_axis)
        named = maps if isinstance(maps, Mapping) else {}
        checked = self.check_maps(() if named else tuple(maps), dict(named), planes)
        size = planes.shape[2:]
        at = arrays.check_position(position, size if depth_axis is None else (len(planes), *size))
        mask = arrays.check_mask(mask, size[0], size[1], None if depth_axis is None else len(planes))
        valid = np.isfinite(planes).all(1) if mask is None else np.isfinite(planes).all(1) & mask
        place = at if len(at) == 3 else (0, *at)
        weights = self._kernel(np.where(valid[:, None], planes, 0), valid, checked, place)  # type: ignore[arg-type]
        return weights if self.radius_z else weights[..., 0, :, :]

    def _kernel(self, planes: np.ndarray, valid: np.ndarray, maps: Any, at: tuple[int, int, int]) -> np.ndarray:
        """The weights (window's planes, rows, columns) of the pixel ``at`` (plane, row, column) of checked planes.

        Those of most filters need only the centre's maps.
        """
        return self._weights_at(planes, valid, self.Maps(*here(maps, at)), at)

    def _weights_at(self, planes: np.ndarray, valid: np.ndarray, maps: Any, at: tuple[int, int, int]) -> np.ndarray:
        slots = self.window.slots(len(planes))[at[0]]
        return self._weights(planes[slots], slots != window.NONE, valid[slots], maps, *at[1:])

    def _weights(
        self, planes: np.ndarray, there: np.ndarray, valid: np.ndarray, maps: Any, row: int, col: int
    ) -> np.ndarray:
        """The weights of a pixel from the planes of its window, ``there`` where there is one, and its own maps."""
        side = 2 * self.radius + 1
        cut = np.s_[..., row : row + side, col : col + side]
        windows = np.ascontiguousarray(pad(planes, self.radius, self.border)[cut])
        mask = 1 - pad((~valid).astype(planes.dtype), self.radius, self.border)[cut]  # a constant border is valid
        return window.window_weights(windows, mask * there[:, None, None], maps, self.window)

    def plane_shape(self, name: str) -> tuple[int, ...]:
        """Shape of the values that one pixel has in the map ``name``: () for most, (K, K) for free kernels."""
        return ()

    def map_size(self, name: str, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the map ``name`` for an image of ``size``; fewer on the coarse levels of a pyramid."""
        return size

    def check_maps(self, given: tuple[Any, ...], named: dict[str, Any], planes: np.ndarray) -> Any:
        """Return the maps as the kernels take them, for an image or stack ``planes`` (N, C, H, W).

        Parameters
        ----------
        given : tuple
            The maps given by position.
        named : dict
            The maps given by name.
        planes : array of shape (N, C, H, W)

        Returns
        -------
        NamedTuple of arrays (N or 1, planes, H, W) or (1, planes, 1, 1), of the image's dtype

        Raises
        ------
        ValueError, TypeError
            If a map is missing, given twice, of another shape or dtype, or out of its valid range.
        """
        names = self.Maps._fields  # type: ignore[attr-defined]
        if any(isinstance(each, Mapping) for each in given):
            raise TypeError(f"maps given to {type(self).__name__} by position are a mapping; expected **maps, by name")
        defaults = self.Maps._field_defaults  # type: ignore[attr-defined]
        values = {**defaults, **dict(zip(names, given, strict=False)), **named}
        if len(given) > len(names) or set(values) != set(names) or set(named) & set(names[: len(given)]):
            got = f"{len(given)} by position and {list(named)} by name"
            raise TypeError(f"maps given to {type(self).__name__} are {got}; expected each once of {list(names)}")
        return self.Maps(*(self._check_map(name, values[name], planes) for name in names))

    def _check_map(self, name: str, value: Any, planes: np.ndarray) -> np.ndarray:
        value = np.asarray(value)
        if value.dtype.kind not in "fiu":
            raise TypeError(f"{name} has dtype {value.dtype}; expected a number or an array of numbers")
        each, size = self.plane_shape(name), self.map_size(name, planes.shape[2:])
        stack = (len(planes), *size)
        if value.shape not in (each, each + size, each + stack):
            each_name = str(each) if each else "a number"
            expected = f"{each + size}" + f" or {each + stack}" * (len(planes) > 1)
            raise ValueError(f"{name} has shape {value.shape}; expected {each_name} or, for this image, {expected}")
        (low, high), (least, most) = self.ranges[name].valid, arrays.extremes(value)
        if not (least >= low and most <= high):
            came = "NaN" if np.isnan(least) else f"{least:g} to {most:g}"
            raise ValueError(f"{name} is {came}; expected {low:g} to {high:g} ({self.ranges[name].unit or 'no unit'})")
        shape = (1, -1, 1, 1) if value.shape == each else (1, -1, *size)
        if value.shape == each + stack:
            value, shape = np.moveaxis(value, -3, 0), (len(planes), -1, *size)
        with np.errstate(over="ignore"):  # beyond float32 is infinity
            return np.require(value, planes.dtype, ["C", "W"]).reshape(shape)  # kernels want maps of one type

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """Scale the effect of maps (all, or those of one pyramid level): 0 is the identity, 1 changes nothing."""
        tiny = np.float32(1e-15)
        power = {name: self.ranges[name].strength for name in maps}
        factor = {0: np.float32(1), 1: np.asarray(strength), -1: 1 / np.maximum(strength, tiny)}
        return {name: (values * factor[power[name]]).astype(values.dtype) for name, values in maps.items()}

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
    ) -> Any:
        """Return ``(out, residuals)`` for image (N, C, H, W) and maps (N or 1, planes, H or 1, W or 1), contiguous.

        With ``radius_z`` the batch is one stack, unless ``slots`` (outputs, planes of a window) says which of its
        images lie in the window of each output, -1 for none: so it can be several stacks, or the neighbours of a few
        frames only. There are then as many outputs, and maps, as ``slots`` has rows; a guide has those of the image.
        """
        return window.forward(image, maps, self.window, valid, keep, slots=slots)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        """Return the cotangents ``(v_image, v_maps)``, ``v_maps`` in the maps' NamedTuple.

        :meth:`forward` must have had the maps in full size.
        """
        v_image, stacked = window_vjp.vjp(residuals, v_out, self.window, image_too)
        sizes = np.cumsum([values.shape[1] for values in residuals.maps])[:-1]
        return v_image, self.Maps(*np.split(stacked, sizes, axis=1))


def here(maps: Any, at: tuple[int, int, int]) -> list[np.ndarray]:
    """The values (1, planes, 1, 1) that maps (N or 1, planes, H or 1, W or 1) have at (image, row, column)."""
    n, row, col = at
    return [m[n % len(m), :, row % m.shape[2], col % m.shape[3]].reshape(1, -1, 1, 1).copy() for m in maps]

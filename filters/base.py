"""The base class of all filters: a frozen dataclass of settings, called on an image with maps; forward and vjp."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters import arrays
from pkn.filters.engine import window, window_vjp
from pkn.filters.engine.borders import MODES, pad


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
    """A filter with per-pixel maps on square windows of ``2 radius + 1`` pixels a side.

    Parameters
    ----------
    radius : int
        Pixels from the centre to the window's edge, at least 1.
    border : {"reflect", "mirror", "nearest", "wrap", "constant"}
        What lies outside the image, named as in scipy.ndimage; "constant" is 0.

    Raises
    ------
    ValueError
        If ``radius`` is no whole number of at least 1, or ``border`` none of these.

    Examples
    --------
    >>> from pkn.filters import Filter, IsotropicGaussian
    >>> flt = IsotropicGaussian(radius=3)
    >>> isinstance(flt, Filter), flt.halo, flt.ranges["sigma"].unit
    (True, 3, 'px')
    """

    radius: int = 7
    border: str = "reflect"

    Maps: ClassVar[type[tuple[Any, ...]]]
    ranges: ClassVar[Mapping[str, MapRange]]
    convex: ClassVar[bool] = True
    channels: ClassVar[int | None] = None  # that an image must have, if not any number

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", arrays.check_whole_number("radius", self.radius))
        if self.border not in MODES:
            raise ValueError(f"border is {self.border!r}; expected one of {', '.join(MODES)}")

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
        mask: Any = None,
        dtype: Any = None,
        **named_maps: Any,
    ) -> np.ndarray:
        """Filter an image.

        Parameters
        ----------
        image : array of shape (H, W), or three-dimensional with ``channel_axis``
            uint8 and uint16 are read as fractions of their full range, floats as they are. Pixels that are not finite
            carry no weight.
        *maps, **named_maps : float or array of shape (H, W)
            The filter's maps in their order, or by name; units and ranges are in ``ranges``.
        channel_axis : int, optional
            Axis of the channels. They share the maps; range distances are summed over them.
        mask : bool array of shape (H, W), optional
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
        image = arrays.check_image(image, channel_axis)
        planes = arrays.to_planes(image, channel_axis)
        checked = self.check_maps(maps, named_maps, planes)
        valid = arrays.check_mask(mask, *planes.shape[2:])
        out, _ = self.forward(planes, checked, valid, keep=False)
        return arrays.from_planes(out, channel_axis, dtype, image.dtype)

    def kernel_at(
        self, image: Any, maps: Any, position: tuple[int, int], *, channel_axis: int | None = None, mask: Any = None
    ) -> np.ndarray:
        """The exact weights behind one output pixel.

        Parameters
        ----------
        image, channel_axis, mask
            As in a call.
        maps : mapping, NamedTuple or sequence of the filter's maps
            Each a number or an array of shape (H, W).
        position : (row, column)

        Returns
        -------
        array of shape (2 reach + 1, 2 reach + 1)
            The output is their sum with the window's pixels, those outside the image taken by ``border``.
        """
        planes = arrays.to_planes(arrays.check_image(image, channel_axis), channel_axis)
        named = maps if isinstance(maps, Mapping) else {}
        checked = self.check_maps(() if named else tuple(maps), dict(named), planes)
        height, width = planes.shape[2:]
        row, col = arrays.check_position(position, (height, width))
        mask = arrays.check_mask(mask, height, width)
        valid = np.isfinite(planes).all(1) if mask is None else np.isfinite(planes).all(1) & mask
        return self._kernel(np.where(valid[:, None], planes, 0), valid, checked, row, col)

    def _kernel(self, planes: np.ndarray, valid: np.ndarray, maps: Any, row: int, col: int) -> np.ndarray:
        """As :meth:`kernel_at`, for checked arguments. The weights of most filters need only the centre's maps."""
        here = self.Maps(*(m[..., row % m.shape[2] :, col % m.shape[3] :][..., :1, :1].copy() for m in maps))
        return self._weights(planes, valid, here, row, col)

    def _weights(self, planes: np.ndarray, valid: np.ndarray, here: Any, row: int, col: int) -> np.ndarray:
        side = 2 * self.radius + 1
        cut = np.s_[..., row : row + side, col : col + side]
        cut_out = pad(planes, self.radius, self.border)[cut][0]
        mask = 1 - pad((~valid).astype(planes.dtype), self.radius, self.border)[cut][0]  # a constant border is valid
        return window.window_weights(cut_out, mask, here)

    def plane_shape(self, name: str) -> tuple[int, ...]:
        """Shape of the values that one pixel has in the map ``name``: () for most, (K, K) for free kernels."""
        return ()

    def map_size(self, name: str, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the map ``name`` for an image of ``size``; fewer on the coarse levels of a pyramid."""
        return size

    def check_maps(self, given: tuple[Any, ...], named: dict[str, Any], planes: np.ndarray) -> Any:
        """Return the maps as the kernels take them, for an image ``planes`` (1, C, H, W).

        Parameters
        ----------
        given : tuple
            The maps given by position.
        named : dict
            The maps given by name.
        planes : array of shape (1, C, H, W)

        Returns
        -------
        NamedTuple of arrays (1, planes, H, W) or (1, planes, 1, 1), of the image's dtype

        Raises
        ------
        ValueError, TypeError
            If a map is missing, given twice, of another shape or dtype, or out of its valid range.
        """
        names = self.Maps._fields  # type: ignore[attr-defined]
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
        if value.shape not in (each, each + size):
            each_name = str(each) if each else "a number"
            raise ValueError(f"{name} has shape {value.shape}; expected {each_name} or, for this image, {each + size}")
        (low, high), (least, most) = self.ranges[name].valid, arrays.extremes(value)
        if not (least >= low and most <= high):
            came = "NaN" if np.isnan(least) else f"{least:g} to {most:g}"
            raise ValueError(f"{name} is {came}; expected {low:g} to {high:g} ({self.ranges[name].unit or 'no unit'})")
        shape = (1, -1, *size) if value.shape == each + size else (1, -1, 1, 1)
        with np.errstate(over="ignore"):  # beyond float32 is infinity
            return np.require(value, planes.dtype, ["C", "W"]).reshape(shape)  # kernels want maps of one type

    def strengthen(self, maps: Mapping[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
        """Scale the effect of maps (all, or those of one pyramid level): 0 is the identity, 1 changes nothing."""
        tiny = np.float32(1e-15)
        power = {name: self.ranges[name].strength for name in maps}
        factor = {0: np.float32(1), 1: np.asarray(strength), -1: 1 / np.maximum(strength, tiny)}
        return {name: (values * factor[power[name]]).astype(values.dtype) for name, values in maps.items()}

    def forward(self, image: np.ndarray, maps: Any, valid: np.ndarray | None = None, keep: bool = True) -> Any:
        """Return ``(out, residuals)`` for image (N, C, H, W) and maps (N or 1, planes, H or 1, W or 1), contiguous."""
        return window.forward(image, maps, self.radius, self.border, valid, keep)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        """Return the cotangents ``(v_image, v_maps)``, ``v_maps`` in the maps' NamedTuple.

        :meth:`forward` must have had the maps in full size.
        """
        v_image, stacked = window_vjp.vjp(residuals, v_out, self.radius, self.border, image_too)
        sizes = np.cumsum([values.shape[1] for values in residuals.maps])[:-1]
        return v_image, self.Maps(*np.split(stacked, sizes, axis=1))

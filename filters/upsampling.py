"""Upsampling by anisotropic Gaussians around the positions of an output grid: w = exp(-d^T P d / 2), d = q - position.

After Wronski, "Procedural Kernel Networks", 2021 (arXiv 2112.09318): the maps have the input's resolution and are
resampled bilinearly to the output's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pkn.filters.anisotropic_gaussian import AnisotropicGaussianMaps
from pkn.filters.arrays import check_image, check_mask, to_planes
from pkn.filters.base import Filter, MapRange
from pkn.filters.engine import resampling, resampling_vjp
from pkn.filters.engine.output_grid import Axis, out_size, output_axis
from pkn.filters.exact_weights import operator_row
from pkn.filters.gaussian_parameters import CORRELATION, LARGEST

LARGEST_SCALE = 8
INVERSE_WIDTH = MapRange("1/px", 0.3, 3.5, (0, np.inf), strength=-1, meaning="inverse width, in input pixels")


def check_scale(scale: Any) -> float | tuple[float, float]:
    """Return ``scale`` as a number, or as a pair (rows, columns) where the two differ; each from 1 to 8.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    pair = scale if isinstance(scale, Sequence | np.ndarray) and not isinstance(scale, str) else (scale, scale)
    for number in pair:
        is_number = isinstance(number, int | float | np.number) and not isinstance(number, bool)
        if len(pair) != 2 or not (is_number and 1 <= number <= LARGEST_SCALE):
            raise ValueError(f"scale is {scale!r}; expected a number from 1 to {LARGEST_SCALE}, or two: rows, columns")
    rows, columns = (int(number) if number == int(number) else float(number) for number in pair)
    return rows if rows == columns else (rows, columns)


@dataclass(frozen=True)
class AnisotropicUpsampling(Filter):
    """Upsampling: each output pixel is an average of input pixels, weighted by an anisotropic Gaussian around it.

    ``kx``, ``ky`` and ``rho`` are those of :class:`AnisotropicGaussian` (in input pixels), at the input's resolution,
    and are interpolated linearly. The result has ``round(size * scale)`` pixels along each axis, with half-pixel
    centres as in scikit-image and OpenCV. With a scale of 1 this is an anisotropic Gaussian filter; narrow kernels give
    nearest-neighbour interpolation.

    The window is a square of ``2 radius`` input pixels around the output's position. Pixels that it covers in part
    count by the part inside. Weights are normalised by the largest one where all would underflow, so an output is NaN
    only if no pixel of its window is valid.

    Parameters
    ----------
    scale : number or (rows, columns)
        1 to 8, fractions too.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Notes
    -----
    :meth:`kernel_at` takes the position of an output pixel and returns a window around the input pixel that contains
    this position.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import AnisotropicUpsampling
    >>> step = np.zeros((4, 6))
    >>> step[:, 3:] = 1
    >>> out = AnisotropicUpsampling(radius=2, scale=2)(step, kx=2, ky=2, rho=0)
    >>> out.shape
    (8, 12)
    >>> out[0, 3:9].round(3).tolist()
    [0.001, 0.035, 0.26, 0.74, 0.965, 0.999]
    """

    radius: int = 4
    scale: float | tuple[float, float] = 2

    Maps: ClassVar[type[tuple[Any, ...]]] = AnisotropicGaussianMaps
    ranges: ClassVar = {"kx": INVERSE_WIDTH, "ky": INVERSE_WIDTH, "rho": CORRELATION}
    deep: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scale", check_scale(self.scale))

    @property
    def reach(self) -> int:
        return self.radius + 1  # positions lie between pixels, and maps are interpolated

    def out_shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the result for an image (H, W)."""
        rows, columns = self.scale if isinstance(self.scale, tuple) else (self.scale, self.scale)
        return out_size(height, rows), out_size(width, columns)

    def axes(self, height: int, width: int) -> tuple[Axis, Axis]:
        """Positions of the output's rows and columns among those of an image (H, W)."""
        out = self.out_shape(height, width)
        return output_axis(height, out[0], np.dtype(np.float64)), output_axis(width, out[1], np.dtype(np.float64))

    def forward(
        self,
        image: np.ndarray,
        maps: Any,
        valid: np.ndarray | None = None,
        keep: bool = True,
        slots: np.ndarray | None = None,
    ) -> Any:
        """Return ``(out, residuals)`` for an image (N, C, H, W) and maps (N or 1, 1, H or 1, W or 1), contiguous."""
        return resampling.forward(image, maps, self._grid(image), self.border, valid, keep, LARGEST)

    def vjp(self, residuals: Any, v_out: np.ndarray, image_too: bool = True) -> tuple[np.ndarray | None, Any]:
        """Return ``(v_image, v_maps)``, both at the input's resolution.

        :meth:`forward` must have had the maps in full size.
        """
        grid = self._grid(residuals.image)
        v_image, stacked = resampling_vjp.vjp(residuals, v_out, grid, self.border, image_too, LARGEST)
        return v_image, AnisotropicGaussianMaps(*np.split(stacked, len(residuals.maps), axis=1))

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
        """The exact weights of the output pixel at ``position`` (row, column), centred on its input pixel."""
        if depth_axis is not None:
            raise ValueError(f"depth_axis is {depth_axis}; expected None: {type(self).__name__} enlarges single images")
        planes = to_planes(check_image(image, channel_axis), channel_axis)
        named = maps if isinstance(maps, Mapping) else {}
        checked = self.check_maps(() if named else tuple(maps), dict(named), planes)
        size = planes.shape[2:]
        rows, columns = self.axes(*size)
        out = rows.near.size, columns.near.size
        if len(position) != 2 or not all(-n <= at < n for at, n in zip(position, out, strict=True)):
            raise ValueError(f"position is {position}; expected (row, column) inside a result of {out[0]} x {out[1]}")
        mask = check_mask(mask, *size)
        valid = np.isfinite(planes).all(1) if mask is None else np.isfinite(planes).all(1) & mask
        full = self.Maps(*(np.ascontiguousarray(np.broadcast_to(m, (1, 1, *size))) for m in checked))
        there = int(position[0]) % out[0], int(position[1]) % out[1]
        centre = int(rows.near[there[0]]), int(columns.near[there[1]])
        return operator_row(self, np.zeros_like(planes[:, :1]), valid, full, (0, *there), (0, *centre))[0]

    def _grid(self, image: np.ndarray) -> resampling.Grid:
        height, width = image.shape[2:]
        return resampling.make_grid((height, width), self.out_shape(height, width), self.radius, image.dtype)

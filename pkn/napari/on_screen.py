"""What of a layer is on the screen."""

from typing import TYPE_CHECKING

import numpy as np

from pkn.view.blocks import Area

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


def plane_of(viewer: "ViewerModel", layer: "Image") -> tuple[int, ...]:
    """The index of the plane of a layer that is shown, for all axes but rows and columns.

    Raises
    ------
    ValueError
        If not rows and columns are shown.
    """
    if viewer.dims.ndisplay != 2 or tuple(viewer.dims.displayed) != (viewer.dims.ndim - 2, viewer.dims.ndim - 1):
        raise ValueError("the viewer doesn't show rows and columns; expected the 2D view of the last two axes")
    at = np.rint(layer.world_to_data(viewer.dims.point)).astype(int)
    return tuple(np.clip(at, 0, np.array(layer_shape(layer)) - 1).tolist()[:-2])


def visible_part(layer: "Image") -> Area:
    """The pixels of a layer's plane that the canvas shows; all before it has been drawn."""
    height, width = layer_shape(layer)[-2:]
    corners = np.asarray(layer.corner_pixels)[:, -2:]
    if layer.multiscale:
        corners = corners * layer.downsample_factors[layer.data_level][-2:]
    (top, left), (bottom, right) = np.floor(corners[0]).astype(int), np.ceil(corners[1]).astype(int)
    if bottom <= top or right <= left:
        return Area(0, 0, height, width)
    return Area(max(0, top), max(0, left), min(height, bottom + 1), min(width, right + 1))


def layer_shape(layer: "Image") -> tuple[int, ...]:
    """Of a layer's finest resolution, without channels."""
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    return tuple(shape[: layer.ndim])

"""Figures of how a video's frame is averaged with its neighbours: shares, motion, and the noise that is left."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, hsv_to_rgb
from matplotlib.figure import Figure

from pkn.plotting.maps import draw_picture, draw_readable, grid_of_axes, subsampled

LEAST_MOTION = 0.5  # px that the deepest colour stands for, at least, so that nothing small looks large
WHEEL = 201  # pixels along a side of the legend


class FrameAverage(Protocol):
    """What the figure needs of a ``FrameMaps``."""

    @property
    def frames(self) -> list[int]:
        """Numbers of the frames."""

    @property
    def own(self) -> int:
        """Which of the frames is the averaged one."""

    @property
    def shares(self) -> np.ndarray:
        """Of shape (frames, H, W)."""

    @property
    def motion(self) -> np.ndarray:
        """Of shape (frames, 2, H, W), in pixels down and right."""

    @property
    def noise_factor(self) -> np.ndarray:
        """Of shape (H, W)."""


def plot_frame_maps(found: FrameAverage, readable: Mapping[str, Any]) -> tuple[Figure, Any]:
    """Draw shares (0 to 1), motion, the noise factor, and the readable maps of the filter that follows.

    Motion is drawn in colours: the hue is its direction, the depth its length; where nothing moves it is white. The
    last picture of the motion is the legend, whose edge is so many pixels away.

    Parameters
    ----------
    found : pkn.restoration.frame_maps.FrameMaps
    readable : mapping of str to pkn.restoration.plain_units.ReadableMap

    Returns
    -------
    (matplotlib.figure.Figure, array of matplotlib.axes.Axes)
        In that order.
    """
    others = [number for number in range(len(found.frames)) if number != found.own]
    number_of_axes = len(found.frames) + len(others) + bool(others) + 1 + len(readable)
    figure, all_axes = grid_of_axes(number_of_axes, found.noise_factor.shape)
    free = iter(all_axes)
    for number, share in zip(found.frames, found.shares, strict=True):
        own = ", itself" if number == found.frames[found.own] else ""
        _draw(next(free), share, f"share of frame {number}{own}")
    largest = longest(found.motion)
    for number in others:
        draw_motion(next(free), found.motion[number], largest, f"motion to frame {found.frames[number]}")
    if others:
        draw_legend(next(free), largest)
    _draw(next(free), found.noise_factor, "noise_factor", "the average's noise over a frame's")
    for name, each in readable.items():
        draw_readable(next(free), name, each)
    return figure, all_axes


def _draw(axes: Axes, values: np.ndarray, name: str, meaning: str = "") -> None:
    draw_picture(axes, values, "gray", Normalize(0, 1), name, "", meaning)


def longest(motion: np.ndarray) -> float:
    """The length in pixels that the deepest colour stands for: the 99.5th percentile of (frames, 2, H, W)."""
    return max(LEAST_MOTION, float(np.percentile(np.hypot(motion[:, 0], motion[:, 1]), 99.5)))


def motion_colours(motion: np.ndarray, largest: float) -> np.ndarray:
    """Colours (H, W, 3) in [0, 1] of motion (2, H, W): hue by direction, depth by length, white where it is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.plotting.frame_maps import motion_colours
    >>> right = np.array([[[0.0, 0.0]], [[0.0, 2.0]]])  # not at all, and 2 px to the right
    >>> motion_colours(right, largest=2.0)[0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    """
    down, right = motion
    hue = np.arctan2(-down, right) / (2 * np.pi) % 1
    depth = np.minimum(np.hypot(down, right) / largest, 1)
    return np.asarray(hsv_to_rgb(np.stack([hue, depth, np.ones_like(hue)], -1)))


def draw_motion(axes: Axes, motion: np.ndarray, largest: float, title: str) -> None:
    """Draw motion (2, H, W), in pixels down and right, into given axes."""
    small = np.stack([subsampled(each) for each in motion])
    axes.imshow(motion_colours(small, largest), interpolation="nearest")
    axes.set_title(title, fontsize="medium")
    axes.set_axis_off()


def draw_legend(axes: Axes, largest: float) -> None:
    """Draw what the colours of :func:`draw_motion` mean, over motion of up to ``largest`` pixels in all directions."""
    places = np.linspace(-largest, largest, WHEEL)
    down, right = np.meshgrid(places, places, indexing="ij")
    colours = motion_colours(np.stack([down, right]), largest)
    inside = np.hypot(down, right) <= largest
    axes.imshow(np.dstack([colours, inside]), extent=(-largest, largest, largest, -largest), interpolation="nearest")
    axes.set_axis_on()
    axes.set(xticks=(-largest, 0, largest), yticks=(-largest, 0, largest), xlabel="right [px]", ylabel="down [px]")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:.3g}")
    axes.set_title("colours of motion", fontsize="medium")

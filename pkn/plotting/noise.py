"""Figures of noise profiles."""

from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


class Profile(Protocol):
    """What the figure needs of a :class:`pkn.NoiseProfile`."""

    @property
    def intensity(self) -> np.ndarray:
        """Intensities (K,)."""

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviations (levels, parts, K)."""

    @property
    def measured(self) -> np.ndarray:
        """Intensities and standard deviations (n, 2) of measured blocks."""


def draw_profile(profile: Profile, axes: Axes | None = None) -> Axes:
    """Draw noise levels over intensity: the measured blocks as points, the curves of luma and chroma as lines.

    Parameters
    ----------
    profile : NoiseProfile
    axes : matplotlib.axes.Axes, optional
        To draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> profile = pkn.estimate_noise(np.random.default_rng(0).normal(0.5, 0.1, (64, 80)))
    >>> profile.plot().get_xlabel()
    'intensity'
    """
    axes = Figure(figsize=(5, 3.5), layout="constrained").add_subplot() if axes is None else axes
    names = ("luma", "chroma") if profile.sigma.shape[1] == 2 else ("image",)
    spread: dict[str, Any] = {"marker": "o"} if profile.intensity.size == 1 else {}
    for name, values in zip(names, profile.sigma[0], strict=True):
        axes.plot(profile.intensity, values, label=name, **spread)
    if len(profile.measured):
        axes.plot(*profile.measured.T, ".", color="0.5", label="smoothest blocks")
    axes.set(xlabel="intensity", ylabel="standard deviation of the noise")
    axes.set_ylim(0, 1.12 * axes.get_ylim()[1])
    axes.legend(loc="lower right")
    return axes

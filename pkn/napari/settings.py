"""What a user sets, and what of it is allowed for a layer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pkn.filters.arrays import FULL_RANGE, native
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid
from pkn.pretrained import COLOURS, bundled_names, find_net, weights_folder
from pkn.restoration.denoising import DEFAULT_NET
from pkn.restoration.noise_profile import NoiseProfile

NOISE = ("estimated", "sigma", "profile")
THIRD_AXES = ("stack", "time", "depth")
DENOISE = ("denoise", "any-noise")  # tasks that networks were trained for


@dataclass(frozen=True)
class Settings:
    """How a layer is denoised.

    Parameters
    ----------
    net : str
        A bundled name or the path of a ``.safetensors`` file.
    strength : float or (float, float)
        As :func:`pkn.denoise` takes it.
    noise : float or str, optional
        A noise level in the layer's values (of 0 to 255 for uint8), or the path of a saved :class:`pkn.NoiseProfile`;
        by default it is estimated, from each plane.
    third_axis : {"stack", "time", "depth"}
        Whether the planes of a layer of three or more axes are denoised each by itself, or together along the first
        axis (time) or the last before rows and columns (depth).

    Raises
    ------
    ValueError
        If ``third_axis`` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.napari.settings import Settings
    >>> Settings(noise=51.0).known_noise(np.dtype(np.uint8))
    {'sigma': 0.2}
    """

    net: str = DEFAULT_NET
    strength: float | tuple[float, float] = 1.0
    noise: float | str | None = None
    third_axis: str = "stack"

    def __post_init__(self) -> None:
        if self.third_axis not in THIRD_AXES:
            raise ValueError(f"third_axis is {self.third_axis!r}; expected one of {', '.join(THIRD_AXES)}")

    def known_noise(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """The arguments that tell :func:`pkn.denoise` of the noise in images of a dtype; none if it is estimated."""
        if self.noise is None:
            return {}
        if isinstance(self.noise, str):
            return {"noise": NoiseProfile.load(self.noise)}
        return {"sigma": self.noise / FULL_RANGE.get(native(dtype), 1)}

    def joint_axis(self, ndim: int) -> int | None:
        """The axis of a layer of ``ndim`` axes along which its planes are denoised together, if there is one.

        Raises
        ------
        ValueError
            If there are only rows and columns to choose from.
        """
        if self.third_axis == "stack":
            return None
        if ndim < 3:
            raise ValueError(f"third_axis is {self.third_axis!r}, but the layer has one plane; expected 'stack'")
        return 0 if self.third_axis == "time" else ndim - 3


def noise_of(kind: str, sigma: float, profile: str | Path) -> float | str | None:
    """The noise of :class:`Settings`, by what it is known from.

    Raises
    ------
    ValueError
        If ``kind`` isn't one of "estimated", "sigma" and "profile", or there is no such profile.
    """
    if kind not in NOISE:
        raise ValueError(f"noise is {kind!r}; expected one of {', '.join(NOISE)}")
    if kind == "profile" and not Path(profile).is_file():
        raise ValueError(f"profile is '{profile}'; expected a file that pkn.NoiseProfile.save wrote")
    return {"estimated": None, "sigma": sigma, "profile": str(profile)}[kind]


def denoisers(rgb: bool) -> list[str]:
    """Names of the bundled networks that denoise grey or RGB images, the default first.

    Examples
    --------
    >>> from pkn.napari.settings import denoisers
    >>> denoisers(rgb=True)[0], "upsample" in denoisers(rgb=False)
    ('any-noise', False)
    """
    from pkn.training.model_cards import describe

    paths = {name: weights_folder() / f"{name}-{COLOURS[3 if rgb else 1]}.safetensors" for name in bundled_names()}
    names = [name for name, path in paths.items() if path.exists() and describe(path).task in DENOISE]
    return sorted(names, key=lambda name: name != DEFAULT_NET)


def strength_of(net: str, rgb: bool, luma: float, chroma: float) -> float | tuple[float, float]:
    """The strength of both, if the network has one for each, else that of luma."""
    return (luma, chroma) if has_chroma(net, rgb) else luma


def has_chroma(net: str, rgb: bool) -> bool:
    """Whether the network has a strength for chroma of its own."""
    return rgb and isinstance(find_net(net, 3).filter, LumaChromaPyramid)

"""The noise of a camera, a gain or a microscope: to estimate once, look at, keep, and give to networks."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkn.io.atomic import atomic_path
from pkn.nets import NoiseCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT = 1
KNOTS = 33  # of a known line; more of them where the noise changes most


def of_channels(variances: np.ndarray) -> np.ndarray:
    """Variances of a channel, the mean of R, G and B, from those of luma and of a plane of chroma (parts, ...).

    Of a grey image's one part, they are its own.
    """
    return np.asarray(variances[0] + 2 * variances[1] if len(variances) > 1 else variances[0])


@dataclass(frozen=True, eq=False)
class NoiseProfile:
    """Standard deviations of noise over intensity, at each scale, and the Poisson-Gaussian model of a sensor.

    All intensities and noise levels are in the image's own values as :func:`pkn.denoise` reads them: fractions of the
    full range for integers.

    Parameters
    ----------
    intensity : array of shape (K,)
        Increasing intensities; of an RGB image those of its luma, the mean of R, G and B.
    sigma : array of shape (levels, parts, K)
        Standard deviations of noise there, on the levels of a pyramid (means of 2 x 2 pixels): of a grey image (one
        part), or of luma and chroma (two; see :class:`pkn.filters.LumaChromaPyramid`). White noise halves from level to
        level.
    gain : float
        Variance per intensity: of the image, or of each channel of an RGB image. Below 0 if noise decreases with
        intensity, as after a camera's tone curve.
    read_noise : float
        Standard deviation at ``black``, likewise.
    black : float
        Intensity without light, the offset of counts: 0 if the noise is consistent with that, else the darkest
        intensity.
    correlation : float
        Width (standard deviation in pixels) of a Gaussian that would make white noise as spatially correlated as this
        noise is, by demosaicing or JPEG for example. 0 for white noise. ``gain`` and ``read_noise`` take it into
        account.
    uncertainty : float
        Typical relative error of the noise levels: 0.1 is 10 %.
    measured : array of shape (n, 2)
        Intensities and standard deviations of the blocks that the curve is fitted to, for plots.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (200, 300))
    >>> profile = pkn.estimate_noise(noisy)
    >>> round(profile.at(0.5), 2)
    0.1
    """

    intensity: np.ndarray
    sigma: np.ndarray
    gain: float
    read_noise: float
    black: float
    correlation: float
    uncertainty: float
    measured: np.ndarray

    @classmethod
    def of_sensor(cls, gain: float, read_noise: float, black: float = 0.0, white: float = 1.0) -> "NoiseProfile":
        """The noise of a sensor whose gain and read noise are known, in grey images that nothing has correlated.

        Parameters
        ----------
        gain : float
            Variance per intensity: image values per electron.
        read_noise : float
            Standard deviation without light, in image values.
        black, white : float
            Image values without light, and of saturated pixels.

        Raises
        ------
        ValueError
            If one of them is no such number.

        Examples
        --------
        >>> from pkn import NoiseProfile
        >>> round(NoiseProfile.of_sensor(gain=0.01, read_noise=0.02).at(0.5), 4)  # sqrt(0.005 + 0.0004)
        0.0735
        """
        given = {"gain": gain, "read_noise": read_noise}
        for name, value in given.items():
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} is {value}; expected a number of at least 0")
        if not black < white < np.inf:
            raise ValueError(f"black is {black} and white {white}; expected white above black")
        intensity = black + (white - black) * np.linspace(0, 1, KNOTS) ** 2
        finest = np.sqrt(gain * (intensity - black) + read_noise**2)
        levels = NoiseCurve.white(1.0).sigma[..., 0]
        sigma = levels[..., None] * finest
        return cls(intensity, sigma, float(gain), float(read_noise), float(black), 0.0, 0.0, np.empty((0, 2)))

    @property
    def rgb(self) -> bool:
        """Whether it is the profile of an RGB image's luma and chroma, not of a grey image."""
        return bool(self.sigma.shape[1] == 2)

    @property
    def level(self) -> float:
        """Typical standard deviation: of the image, or of each channel of an RGB image."""
        return float(np.sqrt(of_channels(np.square(self.sigma[0]).mean(1))))

    @property
    def curve(self) -> NoiseCurve:
        """What networks are told."""
        return NoiseCurve(self.intensity, self.sigma)

    def louder(self, factor: float) -> "NoiseProfile":
        """The same noise with ``factor`` times the standard deviation."""
        changed = {name: getattr(self, name) * factor for name in ("sigma", "read_noise")}
        return replace(self, gain=self.gain * factor**2, measured=self.measured * (1, factor), **changed)

    def at(self, intensity: Any, level: int = 0, part: str = "luma") -> Any:
        """Standard deviation of the noise at clean intensities, for a pyramid level, of "luma" or "chroma".

        Of a grey image "luma" is the image. Of an RGB image luma is the mean of R, G and B, so white noise of those has
        a standard deviation smaller by a factor of sqrt(3).
        """
        values = np.interp(intensity, self.intensity, self.sigma[level, ("luma", "chroma").index(part)])
        return float(values) if np.ndim(intensity) == 0 else values

    def sigma_map(self, image: np.ndarray) -> np.ndarray:
        """Standard deviation of each pixel's noise, (H, W), for the image's luma (H, W)."""
        return np.asarray(np.interp(image, self.intensity, self.sigma[0, 0]), np.float32)

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw the measured blocks and the curve; returns matplotlib axes."""
        from pkn.plotting.noise import draw_profile

        return draw_profile(self, axes)

    def save(self, path: str | Path) -> None:
        """Write a JSON file.

        Raises
        ------
        OSError
            If it can't be written.
        """
        values = {name: np.asarray(value).tolist() for name, value in vars(self).items()}
        with atomic_path(Path(path)) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, **values}))

    @classmethod
    def load(cls, path: str | Path) -> "NoiseProfile":
        """Read what :meth:`save` wrote.

        Raises
        ------
        ValueError
            If the file is no noise profile.
        OSError
            If it can't be read.
        """
        text = Path(path).read_text()
        try:
            values = dict(json.loads(text))
            values.pop("format")
            arrays = ("intensity", "sigma", "measured")
            given: dict[str, Any] = {
                name: np.array(value, float) if name in arrays else float(value) for name, value in values.items()
            }
            profile = cls(**given)
            profile._check()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"cannot read '{path}' as a noise profile: {error}") from None
        return profile

    def _check(self) -> None:
        levels, number = NoiseCurve.white(1.0).sigma.shape[0], self.intensity.size
        if self.sigma.shape not in ((levels, 1, number), (levels, 2, number)) or self.intensity.ndim != 1:
            raise ValueError(f"sigma has shape {self.sigma.shape}; expected ({levels}, 1 or 2, {number})")
        if not (np.isfinite(self.sigma).all() and np.min(self.sigma) >= 0 and np.all(np.diff(self.intensity) > 0)):
            raise ValueError("sigma or intensity has bad values; expected finite ones, intensities that increase")

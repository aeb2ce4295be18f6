"""How sure each pixel of a denoised image is: deviation and bias of the whole chain, from draws of its noise.

The chain is the noise estimate, the network and the filter; with frozen maps deviations would come out two to four
times too small. What is asked is the deviation of f(x + n) over draws of the noise n of a clean image x, of which only
y = x + n is known.

- Deviation: of f(x_hat + (r + z) / sqrt(2)), z new noise, x_hat = f(y), r = y - x_hat; times sqrt(2). Half of the
  noise's power is drawn anew, so that images are as noisy as y is, and as rough: this variance is 0.98 of the true
  one in the median over pixels (benchmarks/uncertainty.py). Tried by hand on six photographs beside it: the plain
  parametric bootstrap, f(x_hat + z), was 11 to 20 % too small, for x_hat is smoother than x and is smoothed more; the
  Jacobian at y, by small steps, was 2 to 5 % too large, and 10 to 30 % in the mean.
- Bias: the mean of f(x_hat + z) - x_hat, the bootstrap's, with the same z.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.evidence.chain import DenoisingChain
from pkn.evidence.drawn_noise import generator, noise_draws, variance
from pkn.evidence.intervals import Intervals, bundled_intervals
from pkn.evidence.regions import kinds_of
from pkn.filters.arrays import check_whole_number
from pkn.restoration.denoising import DEFAULT_NET
from pkn.restoration.noise_profile import NoiseProfile

DRAWS = 16
EXTREMES = (0.5, 99.5)  # per cent
KEPT = 0.5**0.5  # of the noise, in draws for deviations


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """A denoised image with the deviation and the bias of each of its values.

    Parameters
    ----------
    result : array
        The denoised image.
    std : array of its shape
        Standard deviation of the result over draws of the noise.
    bias : array of its shape
        Estimate of the result's mean over these draws less the clean image. Of photographs it has two thirds to four
        fifths of the true bias's size, and correlates with it by little more than a half: where structure was lost
        completely, nothing left in the image can say so.
    draws : int
        Of the noise, for each of both.
    noise_level : float
        Typical standard deviation of the noise.
    contrast : float
        What the result spans, but for the darkest and brightest 0.5 % of its values.
    kinds : array of shape (H, W), uint8
        0 where the result is flat, 1 on edges, 2 in texture (:func:`pkn.evidence.regions.kinds_of`).
    intervals : Intervals, optional
        How far the truth was from results in images held back; None for networks that weren't measured.
    channel_axis : int, optional
        Of the result.
    """

    result: np.ndarray
    std: np.ndarray
    bias: np.ndarray
    draws: int
    noise_level: float
    contrast: float
    kinds: np.ndarray
    intervals: Intervals | None
    channel_axis: int | None

    @property
    def monte_carlo_error(self) -> float:
        """Relative standard error of ``std`` at a pixel, of so few draws; that of ``bias`` is ``std`` / sqrt(draws)."""
        return float(1 / np.sqrt(2 * (self.draws - 1)))

    @property
    def expected_error(self) -> np.ndarray:
        """Root of variance, squared bias, and squares of a twentieth of the noise and a thousandth of the contrast.

        Below the last two neither deviation nor bias is known.
        """
        least = self.std.dtype.type(np.hypot(self.noise_level / 20, self.contrast / 1000))
        return np.asarray(np.sqrt(self.std**2 + self.bias**2 + least**2))

    def interval(self, coverage: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """The least and greatest value between which the clean image lies, for a share ``coverage`` of pixels.

        They are ``expected_error`` times a factor around the result. Factors were measured on photographs with white
        noise, for flat regions, edges and texture by themselves (split conformal prediction); they hold for images of
        that kind, over all their pixels of each kind together, and not for each image.

        Parameters
        ----------
        coverage : float
            0.5 to 0.99.

        Raises
        ------
        ValueError
            If the network has no measured factors, or ``coverage`` is out of range.
        """
        if self.intervals is None:
            raise ValueError("the network has no intervals; expected any-noise, or intervals measured for your own")
        factor = self.intervals.factors(coverage, self.noise_level / self.contrast, self.kinds)
        if self.channel_axis is not None:
            factor = np.expand_dims(factor, self.channel_axis)
        half = factor * self.expected_error
        return self.result - half, self.result + half


def uncertainty(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    noise: NoiseProfile | None = None,
    channel_axis: int | None = None,
    mask: Any = None,
    draws: int = DRAWS,
    rng: Any = None,
) -> Uncertainty:
    """Denoise an image, and say how sure each pixel is.

    The image is denoised 2 ``draws`` + 1 times.

    Parameters
    ----------
    image, net, strength, sigma, noise, channel_axis, mask
        As in :func:`pkn.denoise`. Without ``sigma`` and ``noise`` the noise is estimated, and estimated again from each
        draw, for the estimate is a part of the chain.
    draws : int
        Draws of the noise, at least 2.
    rng : None, int or numpy.random.Generator
        For the draws.

    Returns
    -------
    Uncertainty
        ``std``, ``bias`` and ``interval(0.9)``.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (96, 96))
    >>> sure = pkn.uncertainty(noisy, sigma=0.1, rng=0)
    >>> low, high = sure.interval(0.9)
    >>> bool(np.mean((low < 0.5) & (0.5 < high)) > 0.8), bool(sure.std.mean() < 0.02)
    (True, True)
    """
    draws = check_whole_number("draws", draws, 2)
    settings = {"strength": strength, "sigma": sigma, "noise": noise, "mask": mask}
    chain = DenoisingChain.of(image, net, channel_axis, **settings)
    noisy, result = chain.noisy, chain.denoised(chain.noisy)
    clean = np.where(np.isfinite(result), result, noisy)
    draw, random = noise_draws(clean, chain.noise), generator(rng)
    deviations, biases = _Moments(clean.shape), _Moments(clean.shape)
    for _ in range(draws):
        z = draw(random)
        deviations.add(chain.denoised(clean + KEPT * (noisy - clean + z)))
        biases.add(chain.denoised(clean + z) - clean)
    level = float(np.sqrt(np.nanmean(variance(clean, chain.noise))))
    darkest, brightest = np.nanpercentile(clean, EXTREMES)
    return Uncertainty(
        result=chain.as_image(result),
        std=chain.as_image(deviations.std() / KEPT),
        bias=chain.as_image(biases.mean),
        draws=draws,
        noise_level=level,
        contrast=float(brightest - darkest) or 1.0,
        kinds=kinds_of(clean.mean(0), level),
        intervals=bundled_intervals(net, len(clean)),
        channel_axis=channel_axis,
    )


class _Moments:
    """Running mean and variance (Welford 1962)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.number, self.mean, self.squares = 0, np.zeros(shape), np.zeros(shape)

    def add(self, values: np.ndarray) -> None:
        self.number += 1
        step = values - self.mean
        self.mean += step / self.number
        self.squares += step * (values - self.mean)

    def std(self) -> np.ndarray:
        return np.asarray(np.sqrt(self.squares / (self.number - 1)))

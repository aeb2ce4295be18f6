"""The error of a denoised image, estimated without the clean one: Stein's unbiased risk estimate (1981).

For noise n of covariance C about the clean image x, and y = x + n, the error |f(y) - x|^2 has the expectation
E |f(y) - y|^2 - tr C + 2 E tr (C J), J the Jacobian of f at y. The last is E b . J b over draws b of noise of that
covariance (Ramani, Blu & Unser 2008), whatever its colour; J b by central differences of the whole chain: the noise
estimate, the network and the filter are asked again. Where the variance depends on intensity it is that at the
denoised image (to first order as for Poisson-Gaussian noise; Le Montagner, Angelini & Olivo-Marin 2014).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from pkn.evidence.chain import DenoisingChain
from pkn.evidence.drawn_noise import generator, noise_draws, variance
from pkn.filters.arrays import check_whole_number
from pkn.restoration.denoising import DEFAULT_NET
from pkn.restoration.noise_profile import NoiseProfile

PROBES = 4
# Of the noise. Over steps of 0.1 filters are less than linear: 0.04 dB at noise of 10/255, 0.2 at 50/255.
STEP = 0.02
SMOOTH = 8.0  # px, of the map
BLOCK = 8  # px, for the standard error


@dataclass(frozen=True, eq=False)
class Risk:
    """An estimate of a denoised image's mean squared error.

    Parameters
    ----------
    mse : float
        In squared image values (fractions of the full range for integers). It may be below 0 by chance.
    standard_error : float
        Of ``mse``: for the noise and the probes together, from the estimates of blocks of 8 x 8 px as if independent;
        and, where the noise was estimated, for that estimate's error, which is then most of it.
    map : array of shape (H, W)
        The same around each pixel, in a Gaussian window of ``SMOOTH`` px; the mean over channels.
    """

    mse: float
    standard_error: float
    map: np.ndarray

    def psnr(self, full_range: float = 1.0) -> float:
        """Peak signal-to-noise ratio in dB; infinite where the estimate isn't above 0."""
        return float(10 * np.log10(full_range**2 / self.mse)) if self.mse > 0 else float("inf")


def sure(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    noise: NoiseProfile | None = None,
    channel_axis: int | None = None,
    mask: Any = None,
    probes: int = PROBES,
    rng: Any = None,
) -> Risk:
    """Estimate the mean squared error that :func:`pkn.denoise` leaves, without the clean image.

    The image is denoised 2 ``probes`` + 1 times. The estimate is as good as what is known of the noise: in strong
    noise, most of which is gone, an error of 1 % of the noise level can be half of the risk. So give ``sigma`` or
    ``noise``; where the noise has to be estimated, look at ``standard_error`` first.

    Parameters
    ----------
    image, net, strength, sigma, noise, channel_axis, mask
        As in :func:`pkn.denoise`.
    probes : int
        Draws for the divergence, at least 1.
    rng : None, int or numpy.random.Generator
        For the probes.

    Returns
    -------
    Risk

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> clean = np.linspace(0, 1, 128) * np.ones((128, 1))
    >>> noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
    >>> true = np.mean((pkn.denoise(noisy, sigma=0.1) - clean) ** 2)
    >>> risk = pkn.sure(noisy, sigma=0.1, rng=0)
    >>> bool(abs(risk.mse - true) < 4 * risk.standard_error)
    True
    """
    probes = check_whole_number("probes", probes)
    settings = {"strength": strength, "sigma": sigma, "noise": noise, "mask": mask}
    errors, doubt = stein_errors(DenoisingChain.of(image, net, channel_axis, **settings), rng, probes)
    return _risk(errors, mask, doubt)


def stein_errors(chain: DenoisingChain, rng: Any, probes: int = PROBES) -> tuple[np.ndarray, float]:
    """Stein's estimate at each pixel (H, W), and the standard error of its mean for what isn't known of the noise.

    Parameters
    ----------
    chain : DenoisingChain
    rng, probes
        As in :func:`sure`.
    """
    noisy, clean, random = chain.noisy, chain.denoised(chain.noisy), generator(rng)
    draw = noise_draws(np.where(np.isfinite(clean), clean, 0), chain.noise)
    traces = np.zeros(noisy.shape)
    for probe in (draw(random) for _ in range(probes)):
        difference = chain.denoised(noisy + STEP * probe) - chain.denoised(noisy - STEP * probe)
        traces += probe * difference / (2 * STEP * probes)
    power = variance(clean, chain.noise)
    unsure = chain.noise.uncertainty if isinstance(chain.noise, NoiseProfile) else 0.0
    doubt = 2 * unsure * float(np.nanmean(power - 2 * traces))
    return ((clean - noisy) ** 2 - power + 2 * traces).mean(0), doubt


def _risk(errors: np.ndarray, mask: Any, of_noise: float) -> Risk:
    """The risk of estimates at each pixel (H, W), NaN where there is none; ``of_noise`` is a standard error."""
    kept = np.isfinite(errors) if mask is None else np.isfinite(errors) & np.asarray(mask)
    filled, share = (gaussian_filter(part, SMOOTH, mode="reflect") for part in (np.where(kept, errors, 0), kept * 1.0))
    local = np.where(share > 1e-6, filled / np.maximum(share, 1e-6), np.nan)
    blocks = block_means(np.where(kept, errors, np.nan), BLOCK)
    spread = float(blocks.std(ddof=1) / np.sqrt(blocks.size)) if blocks.size > 1 else float("nan")
    return Risk(float(errors[kept].mean()), float(np.hypot(spread, of_noise)), local.astype(np.float32))


def block_means(errors: np.ndarray, side: int) -> np.ndarray:
    """Means of whole blocks without gaps."""
    height, width = (size // side for size in errors.shape)
    blocks = errors[: height * side, : width * side].reshape(height, side, width, side).mean((1, 3))
    return np.asarray(blocks[np.isfinite(blocks)])

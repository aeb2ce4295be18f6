"""Deconvolution by any given kernel: a Wiener filter, and then denoising, told what noise that filter left."""

from typing import Any

import numpy as np

from pkn.degradations.measured_noise import level_deviations, with_coarser
from pkn.nets import NoiseCurve
from pkn.restoration.denoising import denoise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.reblur_design import DEFAULT_FALLOFF, Spectrum

LEAST_NOISE = 1e-3  # of an image's standard deviation: a kernel's gain may be 0
# Of the spectrum, over the image's variance. With a denoiser to follow, the filter may leave noise: of photographs of
# train/bsds432 under motion and noise of 1 to 8/255, 0.04 to 0.16 differ by 0.7 dB at most, and a spectrum fitted to
# the image is up to 0.4 dB behind (on one photograph 1.7 dB, where it falls off too fast). Without one, less is better.
CONTRAST, CAREFUL = 0.06, 0.005
SAMPLE = 256  # px a side, of the noise whose levels are measured


def undo(planes: np.ndarray, kernel: np.ndarray, sigma: float, denoiser: Any) -> np.ndarray:
    """Undo a convolution with a kernel.

    A Wiener filter for white noise and a photograph's spectrum inverts the kernel where it can. It amplifies
    noise at the frequencies that the kernel all but removes, by known factors: the denoiser is told the noise level
    that this leaves at each scale. (Dabov, Foi, Katkovnik, Egiazarian, "Image restoration by sparse 3D transform-domain
    collaborative filtering", 2008, do so with a regularized inverse and BM3D.)

    Parameters
    ----------
    planes : array of shape (C, H, W), float
    kernel : array of shape (K, L)
        With odd sides and sum 1, as :func:`scipy.ndimage.convolve` takes it.
    sigma : float
        Standard deviation of the noise.
    denoiser : str, path, MapNet or None

    Returns
    -------
    array of shape (C, H, W)
    """
    variance = max(float(planes.var(dtype=np.float64)) - sigma**2, 0.0)
    spectrum = Spectrum((CONTRAST if denoiser is not None else CAREFUL) * variance, DEFAULT_FALLOFF)
    power = max(sigma, LEAST_NOISE * float(planes.std())) ** 2
    pads = [2 * side for side in kernel.shape]
    restored = np.stack([_filtered(_faded(plane, pads), kernel, spectrum, power) for plane in planes])
    restored = restored[:, pads[0] : -pads[0], pads[1] : -pads[1]].astype(planes.dtype)
    if denoiser is None or sigma == 0:
        return restored
    rgb = len(planes) == 3
    profile = _noise_after(kernel, spectrum, power, sigma, rgb)
    if rgb:
        return np.asarray(denoise(restored, denoiser, noise=profile, channel_axis=0))
    return np.stack([denoise(plane, denoiser, noise=profile) for plane in restored])


def _filtered(plane: np.ndarray, kernel: np.ndarray, spectrum: Spectrum, noise: float) -> np.ndarray:
    """A plane through the Wiener filter, as if it repeated itself."""
    size = plane.shape
    placed = np.zeros(size)
    placed[: kernel.shape[0], : kernel.shape[1]] = kernel
    h = np.fft.rfft2(np.roll(placed, [-(side // 2) for side in kernel.shape], (0, 1)))
    squares = np.fft.fftfreq(size[0])[:, None] ** 2 + np.fft.rfftfreq(size[1]) ** 2
    squares[0, 0] = 0.1 / plane.size  # the mean is kept, all but
    signal = spectrum.at(squares)
    gains = np.conj(h) * signal / np.maximum(np.abs(h) ** 2 * signal + noise, np.finfo(float).tiny)
    gains[0, 0] = 1
    out: np.ndarray = np.fft.irfft2(np.fft.rfft2(plane) * gains, s=size)
    return out


def _faded(plane: np.ndarray, pads: list[int]) -> np.ndarray:
    """A plane, mirrored beyond its borders and faded to its mean there, so that it can repeat itself."""
    windows = []
    for side, pad in zip(plane.shape, pads, strict=True):
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(pad) + 0.5) / pad)
        windows.append(np.concatenate([rise, np.ones(side), rise[::-1]]))
    mean = plane.mean(dtype=np.float64)
    wide = np.pad(plane, [(pad, pad) for pad in pads], "symmetric")
    faded: np.ndarray = mean + (wide - mean) * windows[0][:, None] * windows[1]
    return faded


def _noise_after(kernel: np.ndarray, spectrum: Spectrum, power: float, sigma: float, rgb: bool) -> NoiseProfile:
    """The profile of white noise after the filter, which is linear: measured on noise alone."""
    noise = sigma * np.random.default_rng(0).standard_normal((SAMPLE, SAMPLE))
    left = _filtered(noise, kernel, spectrum, power)[None].astype(np.float32)
    levels = with_coarser(level_deviations(left, 5))
    white = NoiseCurve.white(1.0, rgb).sigma[: len(levels)]
    ratios = levels[: len(white)] * 2.0 ** np.arange(len(white))
    values = np.repeat(white * ratios[:, None, None], 2, axis=2)
    return NoiseProfile(np.array([0.0, 1.0]), values, 0.0, float(levels[0]), 0.0, 0.0, 0.0, np.empty((0, 2)))

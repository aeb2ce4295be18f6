"""Deconvolution by any given kernel: Wiener's estimate, and then denoising, told what noise that left."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft

from pkn.degradations.measured_noise import level_deviations, with_coarser
from pkn.nets import NoiseCurve
from pkn.restoration.denoising import denoise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.reblur_design import DEFAULT_FALLOFF, Spectrum

LEAST_NOISE = 1e-3  # of an image's standard deviation: a kernel's gain may be 0
# Of the spectrum, over the image's variance. With a denoiser to follow, the filter may leave noise: of photographs of
# train/bsds432 under Levin's eight kernels and noise of 1 to 8/255, 0.04 to 0.1 differ by 0.3 dB at most, and a
# spectrum fitted to the image is up to 0.4 dB behind (on one photograph 1.7 dB, where it falls off too fast). Without
# one, less is better.
CONTRAST, CAREFUL = 0.06, 0.01
# Of the spectrum of what a first result lacks. Its undoing gains 0.6, 0.3 and 0.15 dB at noise of 1, 2.55 and 7.65/255;
# 0.006 to 0.06 and falloffs of 1 and 2 differ by 0.1 dB.
LACKING, LACKING_FALLOFF = 0.02, 1.0
SAMPLE = 256  # px a side, of the noise whose levels are measured
RATIOS = 1e-12, 1e6  # of noise over signal: of flat images, or without noise, either may be 0
STEPS, SMALL_ENOUGH = 50, 1e-4  # of conjugate gradients, and the size of residuals after which no more are taken


def undo(planes: np.ndarray, valid: np.ndarray, kernel: np.ndarray, sigma: float, denoiser: Any) -> np.ndarray:
    """Undo a convolution with a kernel.

    Wiener's estimate for white noise and a photograph's spectrum inverts the kernel where it can. It amplifies
    noise at the frequencies that the kernel all but removes, by known factors: the denoiser is told the noise level
    that this leaves at each scale. (Dabov, Foi, Katkovnik, Egiazarian, "Image restoration by sparse 3D transform-domain
    collaborative filtering", 2008, do so with a regularized inverse and BM3D.) What lies beyond the image's borders,
    and in its gaps, is estimated with it (see :func:`_estimate`). What the result lacks, blurred, to be what was seen,
    is undone in the same way and added, and denoised again.

    Parameters
    ----------
    planes : array of shape (C, H, W), float
        Finite; what is in gaps only begins the estimate.
    valid : bool array of shape (H, W)
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
    power = max(sigma, LEAST_NOISE * float(planes.std())) ** 2
    spectrum = Spectrum((CONTRAST if denoiser is not None else CAREFUL) * variance, DEFAULT_FALLOFF)
    first = _estimates(planes, valid, kernel, spectrum, power)
    if denoiser is None or sigma == 0:
        return first

    def denoised(images: np.ndarray, spectrum: Spectrum) -> np.ndarray:
        profile = _noise_after(kernel, spectrum, power, sigma, len(images) == 3)
        if len(images) == 3:
            return np.asarray(denoise(images, denoiser, noise=profile, channel_axis=0))
        return np.stack([denoise(image, denoiser, noise=profile) for image in images])

    first = denoised(first, spectrum)
    known = valid & _whole(planes.shape[1:], kernel)
    if not known.any():
        return first
    size = planes.shape[1:]
    lacking = planes - fft.irfft2(_transfer(size, kernel) * fft.rfft2(first), s=size)  # wraps around where it's unknown
    spectrum = Spectrum(LACKING * variance, LACKING_FALLOFF)
    return denoised(first + _estimates(lacking, known, kernel, spectrum, power), spectrum)


def _whole(size: tuple[int, ...], kernel: np.ndarray) -> np.ndarray:
    """Mask of the pixels of which nothing was blurred in from beyond the borders."""
    whole = np.zeros(size, bool)
    rows, columns = (
        slice(side // 2, max(n - side // 2, side // 2)) for n, side in zip(size, kernel.shape, strict=True)
    )
    whole[rows, columns] = True
    return whole


def _estimates(
    planes: np.ndarray, valid: np.ndarray, kernel: np.ndarray, spectrum: Spectrum, noise: float
) -> np.ndarray:
    return np.stack([_estimate(plane, valid, kernel, spectrum, noise) for plane in planes]).astype(planes.dtype)


def _estimate(plane: np.ndarray, valid: np.ndarray, kernel: np.ndarray, spectrum: Spectrum, noise: float) -> np.ndarray:
    """The image, larger by the kernel's size all around, that is likeliest for Gaussian noise and spectrum; cropped.

    Seen are only valid pixels: X, its Fourier transform, solves ``H* F M F^-1 H X + (noise / spectrum) X = H* F M y``
    with the mask M. Preconditioned by the Wiener filter of an image without borders, conjugate gradients begin at what
    that makes of the mirrored plane. (Mirrored and filtered alone, photographs with kernels of 20 px rang all over.)
    """
    size = [fft.next_fast_len(n + 2 * side, real=True) for n, side in zip(plane.shape, kernel.shape, strict=True)]
    inside = tuple(slice(side, side + n) for n, side in zip(plane.shape, kernel.shape, strict=True))
    seen = np.zeros(size, np.float32)
    seen[inside] = valid
    h, signal = _transfer(size, kernel), _power(size, spectrum)
    ratio = np.clip(noise / np.maximum(signal, 1e-200), *RATIOS).astype(np.float32)
    wiener, adjoint = (1 / (np.abs(h) ** 2 + ratio)).astype(np.float32), h.conj()
    mean = np.mean(plane, where=valid, dtype=np.float64)
    wide = _faded((plane - mean).astype(np.float32), size, inside)

    def system(x: np.ndarray) -> np.ndarray:
        return np.asarray(adjoint * fft.rfft2(seen * fft.irfft2(h * x, s=size)) + ratio * x)

    x = _solved(system, adjoint * fft.rfft2(seen * wide), wiener, wiener * adjoint * fft.rfft2(wide), size[1])
    return np.asarray(fft.irfft2(x, s=size)[inside] + mean)


def _solved(
    system: Callable[[np.ndarray], np.ndarray], right: np.ndarray, near: np.ndarray, x: np.ndarray, columns: int
) -> np.ndarray:
    """Solve ``system(x) = right`` for half spectra by conjugate gradients; ``near`` is about the inverse.

    Sums are taken by NumPy, not by a BLAS: their order mustn't depend on the number of threads.
    """
    twice = np.full(x.shape[1], 2, np.float32)  # the half that isn't there
    twice[0] = 1
    twice[columns // 2 + columns % 2 :] = 1

    def product(a: np.ndarray, b: np.ndarray) -> float:
        return float(((a.real * b.real + a.imag * b.imag) * twice).sum(dtype=np.float64))

    residual = right - system(x)
    step = near * residual
    size, whole = product(residual, step), product(right, near * right)
    for _ in range(STEPS):
        if size <= SMALL_ENOUGH**2 * whole:
            break
        image = system(step)
        length = np.float32(size / product(step, image))
        x = x + length * step
        residual = residual - length * image
        bent = near * residual
        size, before = product(residual, bent), size
        step = bent + np.float32(size / before) * step
    return x


def _transfer(size: Any, kernel: np.ndarray) -> np.ndarray:
    """What a kernel, no larger than ``size``, makes of the frequencies of ``rfft2``."""
    placed = np.zeros(size, np.float32)
    placed[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.asarray(fft.rfft2(np.roll(placed, [-(side // 2) for side in kernel.shape], (0, 1))))


def _power(size: Any, spectrum: Spectrum) -> np.ndarray:
    """The spectrum at those frequencies; of the mean, which is kept, so much that all but nothing is lost."""
    squares = np.fft.fftfreq(size[0])[:, None] ** 2 + np.fft.rfftfreq(size[1]) ** 2
    squares[0, 0] = 0.1 / np.prod(size)
    return spectrum.at(squares)


def _filtered(plane: np.ndarray, kernel: np.ndarray, spectrum: Spectrum, noise: float) -> np.ndarray:
    """A plane through the Wiener filter, as if it repeated itself."""
    h, signal = _transfer(plane.shape, kernel), _power(plane.shape, spectrum)
    gains = np.conj(h) * signal / np.maximum(np.abs(h) ** 2 * signal + noise, np.finfo(float).tiny)
    gains[0, 0] = 1
    return np.asarray(fft.irfft2(fft.rfft2(plane) * gains, s=plane.shape))


def _faded(plane: np.ndarray, size: list[int], inside: tuple[slice, ...]) -> np.ndarray:
    """A plane, mirrored beyond its borders and faded to 0 there, so that it can repeat itself."""
    pads = [(part.start, n - part.stop) for part, n in zip(inside, size, strict=True)]
    windows = []
    for part, n in zip(inside, size, strict=True):
        rise = np.interp(np.arange(n), [0, part.start, part.stop - 1, n], [0, 1, 1, 0])
        windows.append((0.5 - 0.5 * np.cos(np.pi * rise)).astype(np.float32))
    return np.asarray(np.pad(plane, pads, "symmetric") * windows[0][:, None] * windows[1])


def _noise_after(kernel: np.ndarray, spectrum: Spectrum, power: float, sigma: float, rgb: bool) -> NoiseProfile:
    """The profile of white noise after the filter, which is linear: measured on noise alone."""
    noise = sigma * np.random.default_rng(0).standard_normal((SAMPLE, SAMPLE))
    left = _filtered(noise, kernel, spectrum, power)[None].astype(np.float32)
    levels = with_coarser(level_deviations(left, 5))
    white = NoiseCurve.white(1.0, rgb).sigma[: len(levels)]
    ratios = levels[: len(white)] * 2.0 ** np.arange(len(white))
    values = np.repeat(white * ratios[:, None, None], 2, axis=2)
    return NoiseProfile(np.array([0.0, 1.0]), values, 0.0, float(levels[0]), 0.0, 0.0, 0.0, np.empty((0, 2)))

"""Known motion blur and noise, undone: python -m benchmarks.motion_blur bsd68 [every Nth image] [KERNELS.mat]

Kernels are random walks of a shaking hand, or the measured ones of Levin et al. 2009 (a MATLAB file; needs h5py). As of
a camera's photograph nothing is known of what lies beyond the borders. Richardson and Lucy's number of steps and total
variation are the best on these very images; all are told the kernel, pkn.deconvolve nothing else.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage.restoration import unsupervised_wiener

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32

SIDE, STEPS, BORDER = 21, 200, 20  # px, of the walk, px that aren't compared
NOISE, LUCY_STEPS, VARIATIONS = (1, 2.55, 7.65), (5, 10, 20, 40), (0.0, 0.002, 0.01)  # noise of 255
SMALL = 1e-6


def shaking_hand(random: np.random.Generator) -> np.ndarray:
    """A kernel along a smooth random walk."""
    walk = np.cumsum(gaussian_filter(random.standard_normal((STEPS, 2)), (8, 0)), axis=0)
    walk = (walk - walk.mean(0)) * random.uniform(3, 6) / np.linalg.norm(walk.std(0)) / 2
    edges = np.arange(SIDE + 1) - SIDE / 2
    kernel = gaussian_filter(np.histogram2d(*walk.T, bins=(edges, edges))[0], 0.4)
    return np.asarray(kernel / kernel.sum())


def measured(path: str) -> list[np.ndarray]:
    """The kernels of a MATLAB file."""
    import h5py

    with h5py.File(path) as file:
        kernels = [np.array(file[reference]).T for reference in file["kernels"][()].ravel()]
    return [kernel / kernel.sum() for kernel in kernels]


def richardson_lucy(image: np.ndarray, kernel: np.ndarray, variation: float) -> list[np.ndarray]:
    """Estimates after ``LUCY_STEPS``, with total variation (Dey et al. 2006, "Richardson-Lucy algorithm with total
    variation regularization for 3D confocal microscope deconvolution", equation 9), of the image mirrored all around.
    """
    pads = [2 * side for side in kernel.shape]
    wide = np.pad(image, [(pad, pad) for pad in pads], "symmetric").clip(1e-3, 1)
    estimate, results = wide.copy(), []
    for step in range(1, LUCY_STEPS[-1] + 1):
        seen = np.maximum(fftconvolve(estimate, kernel, mode="same"), SMALL)
        estimate = estimate * np.maximum(fftconvolve(wide / seen, kernel[::-1, ::-1], mode="same"), 0)
        if variation:
            slopes = np.stack(np.gradient(estimate))
            slopes /= np.maximum(np.linalg.norm(slopes, axis=0), SMALL)
            estimate = estimate / (1 - variation * sum(np.gradient(slopes[k], axis=k) for k in range(2)))
        if step in LUCY_STEPS:
            results.append(estimate[pads[0] : -pads[0], pads[1] : -pads[1]])
    return results


def main(folder: str, each: str = "1", path: str = "") -> None:
    images = [to_float32(image[..., 0]) for image in read_folder(Path(folder), channels=1)][:: int(each)]
    kernels = measured(path) if path else [shaking_hand(np.random.default_rng(seed)) for seed in range(len(images))]
    print(
        "| noise | blurred | pkn.deconvolve | without denoiser | unsupervised_wiener | Richardson-Lucy | with", end=""
    )
    print(" total variation |", "|---|---|---|---|---|---|---|", sep="\n")
    for level in NOISE:
        measures = [measure(image, kernels[n % len(kernels)], level / 255, n) for n, image in enumerate(images)]
        rows = np.mean(measures, axis=0)
        scores = [*rows[:4], rows[4 : 4 + len(LUCY_STEPS)].max(), rows[4:].max()]
        print("|", " | ".join([f"{level:g}/255", *(f"{score:.2f}" for score in scores)]), "|", flush=True)


def measure(scene: np.ndarray, kernel: np.ndarray, sigma: float, seed: int) -> list[float]:
    blurred = fftconvolve(scene, kernel, mode="valid")
    top, left = (side // 2 for side in kernel.shape)
    sharp = scene[top : top + blurred.shape[0], left : left + blurred.shape[1]]
    blurred = (blurred + sigma * np.random.default_rng(seed).standard_normal(blurred.shape)).astype(np.float32)
    results = [blurred, pkn.deconvolve(blurred, blur=kernel), pkn.deconvolve(blurred, blur=kernel, denoiser=None)]
    results.append(unsupervised_wiener(blurred, kernel, clip=False, rng=seed)[0])
    for variation in VARIATIONS:
        results += richardson_lucy(blurred, kernel, variation)
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    return [psnr(result[inside], sharp[inside]) for result in results]


if __name__ == "__main__":
    main(*sys.argv[1:])

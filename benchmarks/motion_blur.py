"""Known motion blur and noise, undone: python -m benchmarks.motion_blur bsd68 [every Nth image]

Kernels are random walks of a shaking hand. Richardson and Lucy's number of steps is the best on these very images; all
are told the kernel, pkn.deconvolve nothing else.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import convolve, gaussian_filter
from skimage.restoration import richardson_lucy, unsupervised_wiener

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32

SIDE, STEPS, BORDER = 21, 200, 20  # px, of the walk, px that aren't compared
NOISE, LUCY_STEPS = (1, 2.55, 7.65), (5, 10, 20, 40)  # of 255


def shaking_hand(random: np.random.Generator) -> np.ndarray:
    """A kernel along a smooth random walk."""
    walk = np.cumsum(gaussian_filter(random.standard_normal((STEPS, 2)), (8, 0)), axis=0)
    walk = (walk - walk.mean(0)) * random.uniform(3, 6) / np.linalg.norm(walk.std(0)) / 2
    edges = np.arange(SIDE + 1) - SIDE / 2
    kernel = gaussian_filter(np.histogram2d(*walk.T, bins=(edges, edges))[0], 0.4)
    return np.asarray(kernel / kernel.sum())


def main(folder: str, each: str = "1") -> None:
    images = [to_float32(image[..., 0]) for image in read_folder(Path(folder), channels=1)][:: int(each)]
    print(
        "| noise | blurred | pkn.deconvolve | without denoiser | unsupervised_wiener | richardson_lucy, best of", end=""
    )
    print(f" {LUCY_STEPS} steps |", "|---|---|---|---|---|---|", sep="\n")
    for level in NOISE:
        rows = np.mean([measure(image, level / 255, seed) for seed, image in enumerate(images)], axis=0)
        scores = [*rows[:4], rows[4:].max()]
        print("|", " | ".join([f"{level:g}/255", *(f"{score:.2f}" for score in scores)]), "|", flush=True)


def measure(sharp: np.ndarray, sigma: float, seed: int) -> list[float]:
    random = np.random.default_rng(seed)
    kernel = shaking_hand(random)
    noise = sigma * random.standard_normal(sharp.shape)
    blurred = (convolve(sharp, kernel, mode="reflect") + noise).astype(np.float32)
    results = [blurred, pkn.deconvolve(blurred, blur=kernel), pkn.deconvolve(blurred, blur=kernel, denoiser=None)]
    results.append(unsupervised_wiener(blurred, kernel, clip=False, rng=seed)[0])
    results += [richardson_lucy(blurred.clip(1e-3, 1), kernel, steps, clip=False) for steps in LUCY_STEPS]
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    return [psnr(result[inside], sharp[inside]) for result in results]


if __name__ == "__main__":
    main(*sys.argv[1:])

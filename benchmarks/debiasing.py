"""What `pkn.debias` gives back on BSD68 at a noise of 15/255: `python -m benchmarks.debiasing bsd68`.

The default network, the isotropic Gaussian filter with the maps of its network, both with more strength too, and that
filter with one width for all pixels.
"""

import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import pkn
from pkn.evaluation.metrics import psnr
from pkn.filters import IsotropicGaussian
from pkn.io.folders import read_folder, to_float32
from pkn.restoration.debiasing import debiasing_path, estimated_errors

SIGMA = 15 / 255
STEPS = 16
WIDTHS = (0.8, 1.2, 2.0)  # px, for all pixels


def main(folder: str) -> None:
    images = [to_float32(image[..., 0]) for image in read_folder(Path(folder), channels=1)]
    print("| filter | filtered, dB | with the best number of steps | with the one that is chosen | steps chosen |")
    print("|---|---|---|---|---|")
    for name, make in METHODS.items():
        rows = np.array([measure(image, make, seed) for seed, image in enumerate(images)])
        before, best, chosen, steps = rows.mean(0)
        gains = f"{best:.2f} ({best - before:+.2f}) | {chosen:.2f} ({chosen - before:+.2f})"
        print(f"| {name} | {before:.2f} | {gains} | {steps:.1f} |", flush=True)


def measure(clean: np.ndarray, make: Callable[[np.ndarray], Any], seed: int) -> tuple[float, float, float, float]:
    """PSNR filtered, after the best number of steps, after the chosen one; that number."""
    noisy = (clean + np.random.default_rng(seed).normal(0, SIGMA, clean.shape)).astype(np.float32)
    given = make(noisy)
    smooth = given.apply if isinstance(given, pkn.ParameterMaps) else given
    denoised = smooth(noisy)
    chosen = int(np.argmin(estimated_errors(noisy, given, sigma=SIGMA, most=STEPS, rng=seed)))
    scores = [psnr(image, clean) for image in islice(debiasing_path(denoised, smooth), STEPS + 1)]
    return scores[0], max(scores), scores[chosen], chosen


def learned(net: str, strength: float) -> Callable[[np.ndarray], Any]:
    return lambda noisy: pkn.predict_maps(noisy, net=net, sigma=SIGMA, strength=strength)


def constant(width: float) -> Callable[[np.ndarray], Any]:
    return lambda _: lambda image: IsotropicGaussian(radius=int(np.ceil(4 * width)))(image, sigma=width)


METHODS = {
    "`any-noise`, the default": learned("any-noise", 1.0),
    "the same, strength 2": learned("any-noise", 2.0),
    "isotropic Gaussian, as its network sets it": learned("isotropic-gaussian", 1.0),
    "isotropic Gaussian, strength 2": learned("isotropic-gaussian", 2.0),
    **{f"isotropic Gaussian, {width:g} px for all pixels": constant(width) for width in WIDTHS},
}

if __name__ == "__main__":
    main(*sys.argv[1:])

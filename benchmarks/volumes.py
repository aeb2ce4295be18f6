"""Simulated volumes beside other methods: ``python -m benchmarks.volumes [SEEDS] [--quick]``.

Spheres, membranes and filaments, planes three pixels apart, recorded with 44 photons in the brightest voxel on 4 of
background (see :mod:`pkn.degradations.volumes`; other volumes than those of the training). Peak signal-to-noise ratios
over the clean volume's range, dB, and seconds. Non-local means (scikit-image, in three dimensions) and BM4D work behind
Anscombe's transform and its exact unbiased inverse (Makitalo and Foi 2011), at the best of several settings for each
volume. ``--quick`` leaves them out.
"""

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

import pkn
from pkn.degradations.volumes import draw_volume
from pkn.evaluation import metrics

SHAPE, APART, BACKGROUND, PEAK = (24, 160, 160), 3, 4.0, 40.0
NLM_STRENGTHS = (0.3, 0.4, 0.5, 0.7)
BM4D_SIGMAS = (1.0, 1.15, 1.3)
FIRST_SEED = 1000


def anscombe(counts: np.ndarray) -> np.ndarray:
    return 2 * np.sqrt(counts + 3 / 8)


def inverse(values: np.ndarray) -> np.ndarray:
    """The closed form of the exact unbiased inverse of Anscombe's transform."""
    d = np.maximum(values, 2 * np.sqrt(3 / 8))
    root = np.sqrt(1.5)
    return d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8


def psnr(result: np.ndarray, clean: np.ndarray) -> float:
    """Over the clean volume's range, dB."""
    return metrics.psnr(result / np.ptp(clean), clean / np.ptp(clean))


def best(method: Callable[[np.ndarray, float], np.ndarray], settings: tuple[float, ...]) -> Callable[..., np.ndarray]:
    """The method's best result of all settings; it is told the truth to choose."""

    def choose(noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        results = [inverse(method(anscombe(noisy), setting)) for setting in settings]
        return max(results, key=lambda result: psnr(result, clean))

    return choose


def non_local_means(values: np.ndarray, h: float) -> np.ndarray:
    from skimage.restoration import denoise_nl_means

    return np.asarray(denoise_nl_means(values, patch_size=3, patch_distance=4, h=h, sigma=1.0, fast_mode=True))


def bm4d(values: np.ndarray, sigma: float) -> np.ndarray:
    from bm4d import bm4d as denoise

    return np.asarray(denoise(values, sigma))


def main() -> None:
    warnings.simplefilter("ignore")
    arguments = [each for each in sys.argv[1:] if each != "--quick"]
    seeds = int(arguments[0]) if arguments else 3
    methods: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "noisy": lambda noisy, clean: noisy,
        "plane by plane": lambda noisy, clean: pkn.denoise(noisy, stack_axes=0),
        "depth": lambda noisy, clean: pkn.denoise(noisy, depth_axis=0, spacing=(APART, 1, 1)),
    }
    if "--quick" not in sys.argv:
        methods["non-local means"] = best(non_local_means, NLM_STRENGTHS)
        methods["BM4D"] = best(bm4d, BM4D_SIGMAS)
    tries = {"non-local means": len(NLM_STRENGTHS), "BM4D": len(BM4D_SIGMAS)}
    rows = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        random = np.random.default_rng(seed)
        clean = BACKGROUND + PEAK * draw_volume(random, SHAPE, APART, crowd=1.5)
        noisy = random.poisson(clean).astype(np.float32)
        row = []
        for name, method in methods.items():
            begin = time.perf_counter()
            result = method(noisy, clean)
            row += [psnr(result, clean), (time.perf_counter() - begin) / tries.get(name, 1)]
        rows.append(row)
        print(
            ", ".join(f"{name} {row[2 * n]:.2f} dB {row[2 * n + 1]:.1f} s" for n, name in enumerate(methods)),
            flush=True,
        )
    means = np.mean(rows, axis=0)
    print(
        "means: "
        + ", ".join(f"{name} {means[2 * n]:.2f} dB {means[2 * n + 1]:.1f} s" for n, name in enumerate(methods))
    )


if __name__ == "__main__":
    main()

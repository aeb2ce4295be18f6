"""PSNR of a bundled network beside the best single global setting of the same filter.

`python benchmarks/quality.py TEST --train TRAIN [--net bilateral] [--rgb]`: the global setting is tuned for each noise
level on images of TRAIN and measured, like the network, on all images of TEST, which nothing was trained or tuned on.
Noise is white and Gaussian, not clipped, from one seeded generator per level and image.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

import pkn
from pkn.bundled import find_net
from pkn.filters import Filter
from pkn.training import as_fraction, read_folder

LEVELS = (15, 25, 50)
TUNING_IMAGES = 12


def noisy_pairs(images: list[np.ndarray], level: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Clean and noisy images, (H, W) or (H, W, 3)."""
    for number, image in enumerate(images):
        clean = as_fraction(image).squeeze()
        noise = np.random.default_rng((level, number)).standard_normal(clean.shape, np.float32)
        yield clean, clean + np.float32(level / 255) * noise


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - truth) ** 2)))


def global_psnr(flt: Filter, setting: np.ndarray, images: list[np.ndarray], level: int) -> float:
    """Mean PSNR with one setting (given as logarithms) for all pixels of all images."""
    axis = None if images[0].shape[2] == 1 else -1
    values = np.exp(setting)
    return float(np.mean([psnr(flt(y, *values, channel_axis=axis), x) for x, y in noisy_pairs(images, level)]))


def tune(flt: Filter, images: list[np.ndarray], level: int) -> np.ndarray:
    """Logarithms of the filter's best global setting, by Nelder and Mead from two starts."""
    tuned = []
    for wide in (1.0, 3.0):
        start = np.log([wide if limits.unit == "px" else wide * level / 255 for limits in flt.ranges.values()])
        tuned.append(
            minimize(
                lambda setting: -global_psnr(flt, setting, images, level),
                start,
                method="Nelder-Mead",
                options={"maxfev": 50, "xatol": 0.02, "fatol": 0.002},
            )
        )
    return min(tuned, key=lambda found: found.fun).x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test")
    parser.add_argument("--train", help="without it no global setting is tuned")
    parser.add_argument("--net", default="bilateral")
    parser.add_argument("--rgb", action="store_true")
    given = parser.parse_args()
    channels = 3 if given.rgb else 1
    images = read_folder(given.test, channels)
    network = find_net(given.net, channels)
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{len(images)} images; {given.net}: {parameters} parameters, {network.filter}")
    for level in LEVELS:
        axis = -1 if given.rgb else None
        learned = np.mean(
            [psnr(pkn.denoise(y, given.net, channel_axis=axis), x) for x, y in noisy_pairs(images, level)]
        )
        line = f"sigma {level}/255: noisy {20 * np.log10(255 / level):.2f} dB, learned {learned:.2f} dB"
        if given.train:
            known = read_folder(given.train, channels)
            chosen = [known[i] for i in np.random.default_rng(0).permutation(len(known))[:TUNING_IMAGES]]
            setting = tune(network.filter, chosen, level)
            best = global_psnr(network.filter, setting, images, level)
            named = ", ".join(f"{n} {v:.3g}" for n, v in zip(network.filter.ranges, np.exp(setting), strict=True))
            line += f", best global setting {best:.2f} dB ({named}), gain {learned - best:.2f} dB"
        print(line, flush=True)


if __name__ == "__main__":
    main()

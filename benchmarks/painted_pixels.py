"""What a certificate finds: `python -m benchmarks.painted_pixels FOLDER [EVERY]`.

Every pixel of a denoised image is painted brighter or darker, whichever is nearer to its bound: how many are found by
the bounds of a certificate, and would be by the range of all pixels within reach.
"""

import sys

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

import pkn
from pkn.io.folders import read_folder, to_float32

SIGMA = 25 / 255
STEPS = (0.1, 0.2, 0.3, 0.5)


def main(folder: str, every: int = 1) -> None:
    random, found = np.random.default_rng(0), []
    for image in read_folder(folder, 1)[::every]:
        clean = to_float32(image[..., 0])
        noisy = clean + np.float32(SIGMA) * random.standard_normal(clean.shape, np.float32)
        maps = pkn.predict_maps(noisy)
        result, side = maps.apply(noisy), 2 * maps.filter.reach + 1
        level_by_level = pkn.certify(noisy, result, maps).bounds[""][:, 0]
        in_reach = minimum_filter(noisy, side), maximum_filter(noisy, side)
        found.append([share_found(result, *bounds) for bounds in (level_by_level, in_reach)])
    print(
        f"| {len(found)} images, painted by | " + " | ".join(map(str, STEPS)) + " |\n" + "|---" * (len(STEPS) + 1) + "|"
    )
    for name, shares in zip(
        ("bounds of the certificate", "range of all pixels in reach"), np.mean(found, 0), strict=True
    ):
        print(f"| found by {name} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")


def share_found(result: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[float]:
    room = np.minimum(result - low, high - result)
    return [float(np.mean(room < step)) for step in STEPS]


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

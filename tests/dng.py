"""A Bayer mosaic of a photograph, and DNG files of it as a camera writes them."""

import numpy as np
import tifffile
from skimage import data

BLACK, WHITE, BALANCE = 512, 16383, (0.5, 1.0, 0.6)
XYZ_TO_SRGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)


def scene(height=120, width=160):
    """The astronaut in linear light, (H, W, 3), as a sensor without white balance sees it."""
    return (data.astronaut()[:height, :width] / 255) ** 2.2 * BALANCE


def mosaic_of(image, pattern="RGGB"):
    out = np.empty(image.shape[:2])
    for letter, (y, x) in zip(pattern, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
        out[y::2, x::2] = image[y::2, x::2, "RGB".index(letter)]
    return out


def exposed(mosaic, random, gain=0.002, read_noise=0.003):
    """Counts of a sensor with noise."""
    noisy = gain * random.poisson(mosaic / gain) + read_noise * random.standard_normal(mosaic.shape)
    return (BLACK + noisy * (WHITE - BLACK)).round().clip(0, 65535).astype(np.uint16)


def rationals(values):
    return [part for value in np.ravel(values) for part in (round(float(value) * 10_000), 10_000)]


def write_dng(path, counts, pattern="RGGB", noise=None):
    tags = [
        (33421, "H", 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, "B", 4, bytes("RGB".index(letter) for letter in pattern), True),  # CFAPattern
        (50706, "B", 4, bytes([1, 4, 0, 0]), True),
        (50707, "B", 4, bytes([1, 1, 0, 0]), True),
        (50710, "B", 3, bytes([0, 1, 2]), True),
        (50711, "H", 1, 1, True),
        (50714, "H", 1, BLACK, True),
        (50717, "H", 1, WHITE, True),
        (50721, "2i", 9, rationals(XYZ_TO_SRGB), True),
        (50728, "2I", 3, rationals(BALANCE), True),
        (50778, "H", 1, 21, True),
    ]
    tags += [] if noise is None else [(51041, "d", np.size(noise), tuple(np.ravel(noise)), True)]
    tifffile.imwrite(path, counts, photometric="CFA", subfiletype=0, metadata=None, extratags=tags)

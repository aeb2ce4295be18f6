"""PBM, PGM, PPM and PAM by netpbmfile: 1 to 16 bits."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from netpbmfile import NetpbmFile, imwrite

from pkn.io.image_file import ImageFile, check_one_page, check_size, to_integers, without_alpha

LARGEST_SIDE = 2**31 - 1


def read_netpbm(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read one image of any Netpbm kind; values become fractions of the full range of 8 or 16 bits."""
    with NetpbmFile(file) as netpbm:
        check_size(netpbm.width, netpbm.height, max_pixels)
        if netpbm.frames > 1 or netpbm.depth not in (1, 2, 3, 4):
            raise ValueError(f"it has {netpbm.frames} images of {netpbm.depth} samples; expected 1 of at most 4")
        samples = np.asarray(netpbm.asarray())
        most = netpbm.maxval
        inverted = netpbm.magicnumber in ("P1", "P4")  # 1 is black there
    samples = samples.reshape(netpbm.height, netpbm.width, netpbm.depth)
    full = 255 if most <= 255 else 65535
    if most != full:
        samples = (np.minimum(samples, most).astype(np.uint32) * full + most // 2) // most
    samples = samples.astype(np.uint8 if full == 255 else np.uint16)
    pixels, alpha = without_alpha(full - samples if inverted else samples)
    return ImageFile((pixels.astype(samples.dtype),), (alpha,))


def write_netpbm(path: Path, image: ImageFile, quality: int) -> None:
    """Write a PGM or PPM of 8 or 16 bits; floats as 16."""
    check_one_page("Netpbm", image, LARGEST_SIDE)
    if image.alpha[0] is not None:
        raise ValueError("image has alpha, which PGM and PPM can't hold; expected none, or a .png or .tif path")
    imwrite(path, to_integers(image.pages[0], np.uint16))

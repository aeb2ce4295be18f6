"""What JPEG left in an image is told from the edges of its blocks."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from pkn.restoration.compression import SHARE, compression_error

PHOTOGRAPHS = {"camera": data.camera, "coins": data.coins, "moon": data.moon, "brick": data.brick, "text": data.text}


def compressed(image, quality):
    file = BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_only_compressed_images_have_it_and_more_of_it_the_more_they_are(name):
    image = PHOTOGRAPHS[name]()
    assert compression_error(image[None]) == 0
    blurred = np.uint8(gaussian_filter(image.astype(float), 1.2) + 0.5)
    assert compression_error(blurred[None]) == 0
    errors = [compression_error(compressed(blurred, quality)[None]) for quality in (75, 60, 35)]
    assert 0 < errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("channels", [1, 3])
def test_independent_errors_of_blocks_are_measured(channels):
    """At any phase of the grid, and with pixels missing."""
    random = np.random.default_rng(1)
    smooth = np.linspace(0, 3, 204)[:, None] + np.linspace(0, 2, 307)
    blocks = random.normal(0, 0.1, (channels, 26, 39)).repeat(8, 1).repeat(8, 2)[:, 4:, 5:]
    image = smooth + blocks
    image[:, random.random(smooth.shape) < 0.2] = np.nan
    assert compression_error(image) == pytest.approx(SHARE * 0.1, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 90), (3, 40, 5), (1, 32, 32)])
def test_small_and_constant_images_have_none(shape):
    assert compression_error(np.zeros(shape)) == 0
    assert compression_error(np.full(shape, np.nan)) == 0

"""The content of an image file: what it refuses, and copies with other pixels."""

import numpy as np
import pytest

from pkn.io.images import ImageFile

GREY = np.zeros((4, 4), np.uint8)


@pytest.mark.parametrize(
    ("pages", "alpha", "error", "message"),
    [
        ((), (), ValueError, "pages is empty; expected at least one"),
        (([[1]],), (), TypeError, "page 0 is list; expected a NumPy array"),
        ((GREY, GREY.astype(int)), (), ValueError, "page 1 has dtype int64; expected one of uint8"),
        ((np.zeros((4, 4, 4), np.uint8),), (), ValueError, r"page 0 has shape \(4, 4, 4\); expected \(H, W\)"),
        ((np.zeros((0, 4), np.uint8),), (), ValueError, "not empty"),
        ((GREY,), (GREY[:2],), ValueError, r"alpha 0 is uint8 \(2, 4\); expected uint8 \(4, 4\)"),
        ((GREY,), (GREY / 255,), ValueError, "alpha 0 is float64"),
        ((GREY,), (None, None), ValueError, "number of alpha channels is 2 for 1 pages"),
        ((GREY, np.dstack([GREY] * 3)), (), ValueError, "some are grey and some are RGB"),
    ],
)
def test_bad_arrays(pages, alpha, error, message):
    with pytest.raises(error, match=message):
        ImageFile(pages, alpha)


def test_bad_metadata():
    with pytest.raises(TypeError, match="exif is str; expected bytes or None"):
        ImageFile((GREY,), exif="text")


@pytest.mark.parametrize("resolution", [(0.0, 1.0, "cm"), (1.0, float("nan"), "cm"), (1.0, 1.0, "mile")])
def test_bad_resolution(resolution):
    with pytest.raises(ValueError, match=r"resolution is \(.*\); expected two positive numbers"):
        ImageFile((GREY,), resolution=resolution)


def test_with_pages_replaces_only_pixels():
    image = ImageFile((GREY,), (GREY,), profile=b"p", exif=b"e", resolution=(1.0, 2.0, "cm"))
    other = image.with_pages([np.dstack([GREY + 1] * 3)])
    assert (other.pages[0] == 1).all()
    assert other.channel_axis == -1
    assert (other.alpha, other.profile, other.exif, other.resolution) == ((GREY,), b"p", b"e", (1.0, 2.0, "cm"))
    assert (image.pages[0] == 0).all()
    with pytest.raises(ValueError, match="number of pages is 2; expected 1"):
        image.with_pages([GREY, GREY])

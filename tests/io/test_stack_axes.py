"""What files say of the order of their pages and of distances."""

import numpy as np
import pytest
import tifffile

from pkn.io.image_file import ImageFile
from pkn.io.images import read_image
from pkn.io.stack_axes import series_of_pages, spacing_of

PAGES = np.zeros((2, 3, 4, 5, 6), np.uint8)  # t, z, c
OME = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 300, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 1.5}


def written(path, stack, **options):
    tifffile.imwrite(path / "in.tif", stack, photometric="minisblack", **options)
    return read_image(path / "in.tif")


@pytest.mark.parametrize(
    ("options", "axes"),
    [({"ome": True}, "TZCYX"), ({"ome": True}, "CTZYX"), ({"imagej": True}, "TZCYX")],
    ids=["OME, XYCZT", "OME, XYZTC", "ImageJ"],
)
def test_pages_of_a_file_with_several_axes(tmp_path, options, axes):
    stack = np.moveaxis(PAGES, [0, 1, 2], [axes.index(name) for name in "TZC"])
    image = written(tmp_path, stack, metadata={"axes": axes}, **options)
    numbers = np.moveaxis(np.arange(24).reshape(stack.shape[:3]), [axes.index(name) for name in "TZC"], [0, 1, 2])
    along = series_of_pages(image, 24, "z")
    assert sorted(along) == sorted(numbers.transpose(0, 2, 1).reshape(-1, 3).tolist())
    along = series_of_pages(image, 24, "t")
    assert sorted(along) == sorted(numbers.transpose(1, 2, 0).reshape(-1, 2).tolist())


@pytest.mark.parametrize("options", [{}, {"imagej": True, "metadata": {"axes": "TYX"}}], ids=["plain", "one axis"])
def test_one_axis_is_taken_for_any(tmp_path, options):
    image = written(tmp_path, PAGES[0, :, 0], **options)
    assert series_of_pages(image, 3, "z") == [[0, 1, 2]]


def test_axes_that_do_not_fit_are_one_error(tmp_path):
    image = written(tmp_path, PAGES[:, 0], ome=True, metadata={"axes": "TCYX"})
    with pytest.raises(ValueError, match=r"its pages lie along t \(2\), c \(4\); expected z among them"):
        series_of_pages(image, 8, "z")
    with pytest.raises(ValueError, match=r"it has 7 pages, but names axes t \(2\), c \(4\)"):
        series_of_pages(image, 7, "t")


@pytest.mark.parametrize(
    ("options", "spacing"),
    [
        ({"ome": True, "metadata": {"axes": "ZYX", **OME}}, (1.5, 0.3, 0.2)),
        ({"ome": True, "metadata": {"axes": "ZYX", **OME, "PhysicalSizeZUnit": "pixel"}}, (1, 1, 1)),
        ({"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.2}}, (1, 1, 1)),
        ({"imagej": True, "resolution": (10, 5), "metadata": {"axes": "ZYX", "spacing": 1.5}}, (1.5, 0.2, 0.1)),
        ({"imagej": True, "resolution": (10, 5), "metadata": {"axes": "ZYX"}}, (1, 1, 1)),
        ({"resolution": (10, 5)}, (1, 1, 1)),
    ],
    ids=["OME", "OME, unit of its own", "OME, one side", "ImageJ", "ImageJ, no spacing", "plain"],
)
def test_spacing(tmp_path, options, spacing):
    np.testing.assert_allclose(spacing_of(written(tmp_path, PAGES[0, :, 0], **options)), spacing)


def test_files_without_notes():
    image = ImageFile((PAGES[0, 0, 0],))
    assert spacing_of(image) == (1, 1, 1)
    assert series_of_pages(image, 1, "t") == [[0]]

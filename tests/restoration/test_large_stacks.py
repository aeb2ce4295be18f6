"""TIFF stacks larger than memory: page by page from file to file, bit for bit what the whole gives in memory."""

import json

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from PIL import ImageCms

import pkn
from pkn.cli import main
from pkn.io import large_tiff
from pkn.io.images import read_image
from pkn.io.large_tiff import open_large
from pkn.restoration import large_images

pytestmark = pytest.mark.usefixtures("small_parts")
PARTS = 8  # of a page of SIDES
SIDES = 150, 300


def run(*arguments):
    return CliRunner().invoke(main, ["denoise", *map(str, arguments)])


def draw(shape, dtype=np.uint16):
    values = np.random.default_rng(0).random(shape)
    return (values * (1 if np.dtype(dtype).kind == "f" else 250)).astype(dtype)


def in_memory(source, target, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(large_tiff, "LARGE", 2**25)
        assert run(source, target).exit_code == 0
    return read_image(target)


@pytest.mark.parametrize("shape", [SIDES, (25, 30), (30, 33, 3)], ids=["large pages", "small pages", "RGB"])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib", "predictor": True}, {"compression": "zlib", "tile": (16, 16)}, {"byteorder": ">"}],
    ids=str,
)
def test_a_stack_is_bit_identical_to_the_whole(tmp_path, shape, options):
    stack, source = draw((4, *shape)), tmp_path / "in.tif"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if len(shape) == 3 else None
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    tags = {"photometric": photometric, "iccprofile": profile, "resolution": (300, 200), **options}
    with tifffile.TiffWriter(source, byteorder=tags.pop("byteorder", "=")) as writer:
        for page in stack:
            writer.write(page, contiguous=False, **tags)
    opened = open_large(source)
    assert (opened.count, opened.shape, bool(opened.pixels)) == (4, shape, "compression" not in options)
    result = run(source, tmp_path / "out.tif")
    assert result.exit_code == 0, result.output
    before, after = read_image(source), read_image(tmp_path / "out.tif")
    wanted = [pkn.denoise(page, channel_axis=before.channel_axis, dtype="same") for page in before.pages]
    np.testing.assert_array_equal(after.pages, wanted)
    assert (after.profile, after.resolution) == (before.profile, before.resolution)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


@pytest.mark.parametrize("dtype", [np.int32, np.float64, np.float32])
def test_wide_values_and_gaps_are_as_in_memory(tmp_path, monkeypatch, dtype):
    stack = draw((3, 25, 30), dtype)
    if dtype == np.float32:
        stack[1, 3:6, 7] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    assert run(tmp_path / "in.tif", tmp_path / "out.tif").exit_code == 0
    wanted = in_memory(tmp_path / "in.tif", tmp_path / "wanted.tif", monkeypatch)
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif").pages, wanted.pages)


@pytest.mark.parametrize(
    "options",
    [
        {"ome": True, "photometric": "minisblack", "metadata": {"axes": "ZCYX", "PhysicalSizeX": 0.5}},
        {"imagej": True, "resolution": (10, 5), "metadata": {"axes": "ZCYX", "spacing": 1.5, "Labels": list("abcdef")}},
        {"imagej": True, "byteorder": ">", "metadata": {"axes": "ZCYX", "unit": "um"}},
        {"imagej": True, "metadata": {"axes": "ZCYX"}, "truncate": True},
        {"metadata": {"axes": "TCYX"}},
    ],
    ids=["OME", "ImageJ", "ImageJ, big-endian", "ImageJ, one page for all", "tifffile's"],
)
def test_what_a_stack_says_of_itself_is_kept_as_in_memory(tmp_path, monkeypatch, options):
    source = tmp_path / "in.tif"
    tifffile.imwrite(source, draw((3, 2, 25, 30)), **options)
    assert open_large(source).count == 6
    assert run(source, tmp_path / "out.tif").exit_code == 0
    in_memory(source, tmp_path / "wanted.tif", monkeypatch)
    with tifffile.TiffFile(tmp_path / "out.tif") as after, tifffile.TiffFile(tmp_path / "wanted.tif") as wanted:
        assert after.byteorder == wanted.byteorder
        assert len(after.pages) == 6
        for page, other in zip(after.pages, wanted.pages, strict=True):
            for tag in ("ImageDescription", "XResolution", "YResolution", "ResolutionUnit", "IJMetadata"):
                assert page.tags.valueof(tag) == other.tags.valueof(tag)
        assert after.series[0].axes == wanted.series[0].axes == options["metadata"]["axes"]
        np.testing.assert_array_equal(after.series[0].asarray(), wanted.series[0].asarray())


@pytest.mark.parametrize(
    ("shape", "filtered", "total"), [((3, *SIDES), "filter_planes", 3 * PARTS), ((9, 25, 30), "denoise_planes", 9)]
)
def test_an_interrupted_stack_is_resumed_where_it_stopped(tmp_path, monkeypatch, shape, filtered, total):
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, draw(shape), photometric="minisblack")
    whole, done, again, stop = getattr(large_images, filtered), [], [], total // 2 + 1

    def named(arguments):
        return arguments[0].tobytes(), repr(arguments[-1])  # pixels, and of large pages the part of them that is kept

    def failing(*arguments):
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(named(arguments))
        whole(*arguments)

    monkeypatch.setattr(large_images, filtered, failing)
    assert run(source, target).exit_code != 0
    assert not target.exists()
    assert json.loads((tmp_path / "out.tif.partial.json").read_text())["done"] == stop
    for other in (("--strength", 2), ("--sigma", 0.001)):
        assert "of another image" in run(source, target, "--resume", *other).output
    monkeypatch.setattr(large_images, filtered, lambda *a: (again.append(named(a)), whole(*a)))
    assert run(source, target, "--resume").exit_code == 0
    assert len(again) == total - stop
    assert not set(again) & set(done)
    wanted = [pkn.denoise(page, dtype="same") for page in tifffile.imread(source)]
    np.testing.assert_array_equal(tifffile.imread(target), wanted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_other_stacks_are_read_whole(tmp_path):
    pages = [draw((40, 50)), draw((50, 40)), draw((40, 50), np.uint8)]
    for name, other in (("sizes", pages[1]), ("types", pages[2])):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as writer:
            for page in (pages[0], other):
                writer.write(page, contiguous=False, photometric="minisblack")
        assert open_large(tmp_path / f"{name}.tif") is None
    tifffile.imwrite(tmp_path / "alpha.tif", draw((2, 40, 50, 4)), photometric="rgb", extrasamples=["unassalpha"])
    assert open_large(tmp_path / "alpha.tif") is None
    with tifffile.TiffWriter(tmp_path / "thumbnail.tif") as writer:
        writer.write(pages[0], photometric="minisblack")
        writer.write(pages[0], photometric="minisblack", subfiletype=1)
    assert open_large(tmp_path / "thumbnail.tif") is None
    tifffile.imwrite(tmp_path / "small.tif", draw((2, 20, 25)), photometric="minisblack")
    assert open_large(tmp_path / "small.tif") is None


def test_one_page_without_a_value_fails_as_in_memory_and_leaves_nothing(tmp_path):
    stack = draw((3, 25, 30), np.float32)
    stack[2] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    result = run(tmp_path / "in.tif", tmp_path / "out.tif")
    assert result.exit_code == 1
    assert "no finite value" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]

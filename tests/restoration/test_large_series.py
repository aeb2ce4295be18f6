"""TIFF stacks larger than memory along depth and time: bit for bit what the whole gives in memory."""

import json

import numpy as np
import pytest
import tifffile

import pkn
from pkn.io import large_tiff
from pkn.io.large_tiff import LargeTiff, open_large
from pkn.restoration import large_series


@pytest.fixture(autouse=True)
def small_stacks_are_large(monkeypatch):
    monkeypatch.setattr(large_tiff, "LARGE", 1000)


def draw(shape, dtype=np.uint16):
    scene = 20 + 10 * np.sin(np.arange(shape[-1]) / 3)
    return (np.random.default_rng(0).poisson(scene, shape) + 300).astype(dtype)


@pytest.fixture
def read(monkeypatch):
    """Numbers of the pages that a run takes to work on."""
    pages, original = [], LargeTiff.read
    monkeypatch.setattr(LargeTiff, "read", lambda *a: (pages.append(a[1]), original(*a))[1])
    monkeypatch.setattr(large_series, "survey", lambda source: (None, "content"))
    return pages


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=["plain", "compressed"])
@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("--depth", "--spacing", "2,1,1"), {"depth_axis": 0, "spacing": (2, 1, 1)}),
        (("--depth", "--causal"), {"depth_axis": 0, "causal": True}),
        (("--time", "--neighbours", 2, "--strength", 0.5), {"time_axis": 0, "neighbours": 2, "strength": 0.5}),
    ],
    ids=str,
)
def test_a_stack_is_bit_identical_to_the_whole(run, tmp_path, arguments, settings, options):
    stack = draw((6, 25, 30))
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack", resolution=(300, 200), **options)
    assert open_large(tmp_path / "in.tif").count == 6
    result = run("denoise", tmp_path / "in.tif", tmp_path / "out.tif", *arguments)
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), pkn.denoise(stack, dtype="same", **settings))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_channels_are_series_of_their_own_with_the_file_s_spacing(run, tmp_path):
    stack = draw((5, 2, 25, 30))
    metadata = {"axes": "ZCYX", "spacing": 0.4}
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, resolution=(10, 10), metadata=metadata)
    assert run("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--depth").exit_code == 0
    wanted = pkn.denoise(stack, depth_axis=0, stack_axes=1, spacing=(4, 1, 1), dtype="same")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.series[0].axes == "ZCYX"
        np.testing.assert_array_equal(file.asarray(), wanted)


def test_time_in_colour(run, tmp_path):
    stack = draw((3, 25, 30, 3), np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="rgb")
    assert run("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--time").exit_code == 0
    wanted = pkn.denoise(stack, time_axis=0, channel_axis=-1, dtype="same")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), wanted)
    refused = run("denoise", tmp_path / "in.tif", tmp_path / "no.tif", "--depth")
    assert "its pages are RGB; expected grey ones along depth" in refused.output


def test_pages_are_read_once_and_a_few_at_a_time(run, tmp_path, monkeypatch, read):
    tifffile.imwrite(tmp_path / "in.tif", draw((12, 25, 30)), photometric="minisblack")
    ahead, write = [], LargeTiff.write
    monkeypatch.setattr(LargeTiff, "write", lambda *a: (ahead.append(max(read) - len(ahead)), write(*a))[1])
    assert run("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--depth").exit_code == 0
    assert sorted(read) == [0, *range(12)]  # the first for what the whole is counted from
    assert ahead == [4] * 8 + [3, 2, 1, 0]  # of two passes through two planes each


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float64])
@pytest.mark.parametrize(
    ("count", "stop", "first", "arguments", "settings"),
    [
        (9, 6, 2, ("--depth",), {"depth_axis": 0}),
        (22, 20, 16, ("--time", "--causal", "--neighbours", 2), {"time_axis": 0, "causal": True, "neighbours": 2}),
    ],
    ids=["depth", "time"],
)
def test_a_resumed_run_gives_the_same_bits(
    run, tmp_path, monkeypatch, read, dtype, count, stop, first, arguments, settings
):
    stack, source, target = draw((count, 34, 32), dtype), tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, stack, photometric="minisblack")
    written, write = [], LargeTiff.write

    def failing(*arguments):
        if len(written) == stop:
            raise KeyboardInterrupt
        written.append(arguments)
        write(*arguments)

    monkeypatch.setattr(LargeTiff, "write", failing)
    assert run("denoise", source, target, *arguments).exit_code != 0
    assert not target.exists()
    assert json.loads((tmp_path / "out.tif.partial.json").read_text())["done"] == stop
    for other in (("--strength", 2), ("--causal",) if "--depth" in arguments else ("--neighbours", 1)):
        assert "of another image" in run("denoise", source, target, *arguments, "--resume", *other).output
    assert "of another image" in run("denoise", source, target, "--resume").output
    monkeypatch.setattr(LargeTiff, "write", write)
    read.clear()
    assert run("denoise", source, target, *arguments, "--resume").exit_code == 0
    assert sorted(read) == [0, *range(first, count)]
    np.testing.assert_array_equal(tifffile.imread(target), pkn.denoise(stack, dtype="same", **settings))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


@pytest.mark.parametrize("option", ["--depth", "--time"])
def test_a_page_without_a_value_is_one_error_and_leaves_nothing(run, tmp_path, option):
    stack = draw((4, 25, 30), np.float32)
    stack[2, 3, 4] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    result = run("denoise", tmp_path / "in.tif", tmp_path / "out.tif", option)
    assert result.exit_code == 1
    assert " 2 has values that are not finite; expected none along time or depth" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]

"""Stacks along depth and time on the command line."""

import numpy as np
import pytest
import tifffile

import pkn
from pkn.io.images import ImageFile, read_image, write_image

STACK = np.random.default_rng(0).poisson(40, (5, 41, 54)).astype(np.uint16) * 9
RGB = np.random.default_rng(0).integers(0, 256, (3, 24, 30, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["in.tif", "in.npy"])
@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (("--depth",), {"depth_axis": 0}),
        (("--depth", "--causal", "--spacing", "3,1,1"), {"depth_axis": 0, "causal": True, "spacing": (3, 1, 1)}),
        (("--time", "--strength", 0.5), {"time_axis": 0, "strength": 0.5}),
        (("--time", "--causal", "--neighbours", 1), {"time_axis": 0, "causal": True, "neighbours": 1}),
    ],
    ids=str,
)
def test_pages_together_are_as_by_the_library(run, tmp_path, name, options, settings):
    write_image(tmp_path / name, ImageFile(tuple(STACK)))
    result = run("denoise", tmp_path / name, tmp_path / "out.tif", *options)
    assert result.exit_code == 0, result.output
    assert "0.01 MP in" in result.output
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif").pages, pkn.denoise(STACK, dtype="same", **settings))


def test_time_in_colour(run, tmp_path):
    write_image(tmp_path / "in.tif", ImageFile(tuple(RGB)))
    assert run("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--time").exit_code == 0
    wanted = pkn.denoise(RGB, time_axis=0, channel_axis=-1, dtype="same")
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif").pages, wanted)


def test_channels_are_series_of_their_own_with_the_file_s_spacing(run, tmp_path):
    stack = np.stack([STACK, STACK[::-1] // 2], axis=1)  # Z, C
    metadata = {"axes": "ZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.4}
    tifffile.imwrite(tmp_path / "in.ome.tif", stack, photometric="minisblack", metadata=metadata)
    assert run("denoise", tmp_path / "in.ome.tif", tmp_path / "out.ome.tif", "--depth").exit_code == 0
    wanted = pkn.denoise(stack, depth_axis=0, stack_axes=1, spacing=(4, 1, 1), dtype="same")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.ome.tif"), wanted)
    assert (
        run("denoise", tmp_path / "in.ome.tif", tmp_path / "ones.tif", "--depth", "--spacing", "1,1,1").exit_code == 0
    )
    assert not np.array_equal(tifffile.imread(tmp_path / "ones.tif"), wanted)


def test_time_of_a_video_goes_without_saying(run, tmp_path):
    import clips

    clips.write_clip(tmp_path / "clip.mp4", clips.pictures(4))
    for name, options in (("a", ()), ("b", ("--time",)), ("c", ("--neighbours", 1))):
        assert run("denoise", tmp_path / "clip.mp4", tmp_path / f"{name}.mkv", *options).exit_code == 0
    first, second, third = (clips.packets(tmp_path / f"{name}.mkv", "video") for name in "abc")
    assert first == second != third


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("grey.tif", ("--depth", "--time"), "--depth was given with --time; expected one of them"),
        ("clip.mp4", ("--depth",), "--depth was given with a video"),
        ("photo.dng", ("--time",), "was given with a raw file; expected a stack of images"),
        ("grey.tif", ("--depth", "--maps", "maps"), "--maps, --report or --receipt was given with --depth or --time"),
        ("grey.tif", ("--time", "--report", "r.html"), "--maps, --report or --receipt was given with --depth"),
        ("grey.tif", ("--time", "--receipt", "r.json"), "--maps, --report or --receipt was given with --depth"),
        ("grey.tif", ("--spacing", "2,1,1"), "--spacing was given; expected it with --depth"),
        (
            "grey.tif",
            ("--depth", "--spacing", "2,1"),
            "--spacing is '2,1'; expected three numbers above 0, as DZ,DY",
        ),
        ("grey.tif", ("--depth", "--spacing", "2,1,a"), "--spacing is '2,1,a'; expected three numbers above 0"),
        ("grey.tif", ("--depth", "--spacing", "2,1,0"), "--spacing is '2,1,0'; expected three numbers above 0"),
        ("grey.tif", ("--neighbours", 2), "--neighbours was given with 'grey.tif'; expected it with videos or --time"),
        ("grey.tif", ("--depth", "--neighbours", 2), "expected it with videos or --time"),
        ("grey.tif", ("--time", "--neighbours", -1), "neighbours is -1; expected"),
        (
            "grey.tif",
            ("--depth", "--net", "pyramid"),
            "windows of one plane; expected one of several",
        ),
        ("grey.tif", ("--depth", "--key", "clip.mp4"), "--key was given without --receipt"),
        ("grey.tif", ("--depth", "--levels", "2"), "--levels was given; expected it with an OME-Zarr image"),
        ("rgb.tif", ("--depth",), "its pages are RGB; expected grey ones along depth"),
        ("alpha.tif", ("--time",), "its pages have alpha; expected none along depth or time"),
        ("sizes.tif", ("--depth",), "page 1 is uint16 of shape (24, 31); expected uint16 of shape (24, 30)"),
        ("types.tif", ("--time",), "page 1 is uint8 of shape (24, 30); expected uint16 of shape (24, 30)"),
        ("one.png", ("--depth",), "it has one page; expected several along depth"),
        ("gaps.tif", ("--depth",), "plane 1 has values that are not finite"),
        ("gaps.tif", ("--time",), "frame 1 has values that are not finite"),
    ],
)
def test_what_can_not_work_is_one_error(run, tmp_path, monkeypatch, name, options, message):
    monkeypatch.chdir(tmp_path)
    grey, gaps = STACK[:2, :24, :30], np.ones((2, 24, 30), np.float32)
    gaps[1, 3, 4] = np.nan
    files = {
        "grey.tif": ImageFile(tuple(grey)),
        "rgb.tif": ImageFile(tuple(RGB)),
        "alpha.tif": ImageFile(tuple(grey), (grey[0], None)),
        "sizes.tif": ImageFile((grey[0], STACK[0, :24, :31])),
        "types.tif": ImageFile((grey[0], grey[0].astype(np.uint8))),
        "one.png": ImageFile((grey[0],)),
        "gaps.tif": ImageFile(tuple(gaps)),
    }
    if name in files:
        write_image(name, files[name])
    for other in ("clip.mp4", "photo.dng"):
        (tmp_path / other).write_bytes(b"")
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run("denoise", name, "out.mp4" if name == "clip.mp4" else "out.tif", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == before

"""OME-Zarr images along depth and time: as in memory, bit for bit, with all levels."""

import numpy as np
import pytest
import zarr

import pkn
from pkn.io.ome_zarr import open_zarr
from pkn.restoration import zarr_images
from pkn.restoration.zarr_images import denoise_zarr

STACK = np.random.default_rng(0).poisson(30, (2, 2, 7, 34, 41)).astype(np.uint16)
SCALE = [1.0, 1.0, 0.8, 0.2, 0.2]


def write(path, stack, axes, scale, **further):
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    described = {"axes": [{"name": name} for name in axes], "datasets": datasets, **further}
    group = zarr.create_group(path, attributes={"ome": {"version": "0.5", "multiscales": [described]}})
    group.create_array("0", data=stack, chunks=(*(1,) * (stack.ndim - 3), 3, 20, 30))


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ((), {"spacing": (4, 1, 1)}),
        (("--spacing", "1,1,1"), {}),
        (("--causal", "--sigma", 3), {"spacing": (4, 1, 1), "causal": True, "sigma": 3 / 65535}),
    ],
    ids=str,
)
def test_depth(run, tmp_path, options, settings):
    write(tmp_path / "in.zarr", STACK, "tczyx", SCALE)
    result = run("denoise", tmp_path / "in.zarr", tmp_path / "out.zarr", "--depth", "--levels", 2, *options)
    assert result.exit_code == 0, result.output
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    wanted = pkn.denoise(STACK, depth_axis=2, stack_axes=(0, 1), dtype="same", **settings)
    np.testing.assert_array_equal(group["0"][:], wanted)
    assert group["0"].chunks == (1, 1, 3, 20, 30)
    pairs = np.pad(wanted, [(0, 0)] * 4 + [(0, 1)], "edge").reshape(2, 2, 7, 17, 2, 21, 2)
    np.testing.assert_array_equal(group["1"][:], np.rint(pairs.mean((4, 6))))


def test_scales_of_image_and_levels_are_multiplied(tmp_path):
    whole = [{"type": "scale", "scale": [1.0, 1.0, 3.0, 1.0, 1.0]}]
    write(tmp_path / "in.zarr", STACK, "tczyx", SCALE, coordinateTransformations=whole)
    out = denoise_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "any-noise", depth=True)
    wanted = pkn.denoise(STACK, depth_axis=2, stack_axes=(0, 1), dtype="same", spacing=(12, 1, 1))
    np.testing.assert_array_equal(out.compute(), wanted)


@pytest.mark.parametrize("options", [(), ("--causal", "--neighbours", 1, "--strength", 0.5)], ids=str)
def test_time_frame_by_frame(run, tmp_path, monkeypatch, options):
    stack = STACK.transpose(1, 2, 0, 3, 4)  # channels, then 7 frames of 2 planes
    write(tmp_path / "in.zarr", stack, "ctzyx", [1.0] * 5)
    sizes, create = [], zarr_images.create_like

    def watched(*arguments):
        arrays = create(*arguments)
        put = zarr.Array.__setitem__
        monkeypatch.setattr(zarr.Array, "__setitem__", lambda a, place, v: (sizes.append(np.size(v)), put(a, place, v)))
        return arrays

    monkeypatch.setattr(zarr_images, "create_like", watched)
    result = run("denoise", tmp_path / "in.zarr", tmp_path / "out.zarr", "--time", "--levels", 2, *options)
    assert result.exit_code == 0, result.output
    assert sizes[:28] == [34 * 41] * 28
    settings = {"causal": True, "neighbours": 1, "strength": 0.5} if options else {}
    wanted = pkn.denoise(stack, time_axis=1, stack_axes=(0, 2), dtype="same", **settings)
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    np.testing.assert_array_equal(group["0"][:], wanted)
    assert group["1"].shape == (2, 7, 2, 17, 21)


@pytest.mark.parametrize("option", ["depth", "time"])
def test_a_plain_array_of_one_axis_is_taken_for_any(tmp_path, option):
    zarr.create_array(tmp_path / "in.zarr", data=STACK[0, 0], chunks=(2, 20, 30))
    out = denoise_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "any-noise", **{option: True})
    np.testing.assert_array_equal(out.compute(), pkn.denoise(STACK[0, 0], dtype="same", **{f"{option}_axis": 0}))


@pytest.mark.parametrize(
    ("axes", "options", "message"),
    [
        ("cyx", ("--depth",), "has axes ['c', 'y', 'x']; expected z among them"),
        ("zyx", ("--time",), "has axes ['z', 'y', 'x']; expected t among them"),
        ("zyx", ("--depth", "--net", "pyramid"), "windows of one plane"),
        ("zyx", ("--depth", "--maps", "m"), "--maps, --report or --receipt was given with --depth or --time"),
        ("zyx", ("--depth", "--time"), "--depth was given with --time"),
    ],
)
def test_what_can_not_work_is_one_error(run, tmp_path, axes, options, message):
    write(tmp_path / "in.zarr", STACK[0, 0], axes, [1.0] * 3)
    result = run("denoise", tmp_path / "in.zarr", tmp_path / "out.zarr", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]
    assert "expected both to end in .zarr" in run("denoise", tmp_path / "in.zarr", tmp_path / "o.tif", "--time").output


def test_a_frame_without_a_value_leaves_nothing(run, tmp_path):
    stack = STACK[0, 0].astype(np.float32)
    stack[5, 0, 0] = np.nan
    write(tmp_path / "in.zarr", stack, "tyx", [1.0] * 3)
    result = run("denoise", tmp_path / "in.zarr", tmp_path / "out.zarr", "--time")
    assert "frame 5 has values that are not finite" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]
    assert open_zarr(tmp_path / "in.zarr").axes == ["t", "y", "x"]

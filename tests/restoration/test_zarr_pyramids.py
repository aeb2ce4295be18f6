"""OME-Zarr results have all resolution levels: the coarser ones are means over blocks of the denoised image."""

import warnings

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

import pkn
from pkn.cli import main
from pkn.io.ome_zarr import open_zarr
from pkn.restoration.dask_means import means_over_blocks
from pkn.restoration.zarr_images import denoise_zarr

STACK = (np.random.default_rng(0).random((2, 3, 75, 90)) * 4000).astype(np.uint16)
SHAPES = [(2, 3, 75, 90), (2, 2, 38, 45), (2, 2, 12, 15)]  # halved, rounded up; then a third, rounded down


def means_of(image, factors, shape):
    """The slow, obvious loop."""
    out = np.empty(shape)
    for index in np.ndindex(*shape):
        block = image[tuple(slice(at * f, (at + 1) * f) for at, f in zip(index, factors, strict=True))]
        out[index] = block.astype(np.float64).mean()
    return out


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("factors", "shape"), [((2, 2, 3), (2, 4, 3)), ((2, 3, 4), (3, 3, 3))], ids=["down", "up"])
@pytest.mark.parametrize("chunks", [(1, 2, 2), (9, 9, 9)])
def test_means_over_blocks(dtype, factors, shape, chunks):
    image = np.random.default_rng(0).integers(0, 256, (5, 9, 10)).astype(dtype)
    out = means_over_blocks(image, factors, shape, chunks).compute()
    wanted = means_of(image, factors, shape)
    assert out.dtype == image.dtype
    if image.dtype.kind == "f":
        np.testing.assert_allclose(out, wanted, rtol=1e-6)
    else:
        np.testing.assert_array_equal(out, np.rint(wanted))


def write(path, version, sharded):
    datasets = []
    for number, shape in enumerate(SHAPES):
        scale = [1.0, 2.0 * 3 / SHAPES[number][1], 0.5 * 75 / shape[2], 0.25 * 90 / shape[3]]
        datasets.append({"path": f"s{number}", "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    described = {"axes": [{"name": name} for name in "czyx"], "datasets": datasets, "name": "cells"}
    attributes = {"multiscales": [described | {"version": "0.4"}], "omero": {"id": 1}}
    if version == 3:
        attributes = {"ome": {"version": "0.5", "multiscales": [described]}}
    group = zarr.create_group(path, zarr_format=version, attributes=attributes)
    for number, shape in enumerate(SHAPES):
        storage = {"chunks": (1, 1, 20 + number, 30), "dtype": STACK.dtype, "fill_value": 3}
        storage |= {"shards": (1, 2, 40 + 2 * number, 60)} if sharded else {}
        storage |= {"dimension_names": "czyx"} if version == 3 else {}
        new = group.create_array(f"s{number}", shape=shape, **storage)
        new.attrs["level"] = number
    group["s0"][:] = STACK
    return group


@pytest.mark.parametrize(("version", "sharded"), [(2, False), (3, False), (3, True)])
def test_all_levels_are_written_as_the_source_has_them(tmp_path, version, sharded):
    before = write(tmp_path / "in.zarr", version, sharded)
    with warnings.catch_warnings(action="error"):
        denoise_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "any-noise")
    after = zarr.open_group(tmp_path / "out.zarr", mode="r")
    assert dict(after.attrs) == dict(before.attrs)
    finer = np.stack([[pkn.denoise(plane, dtype="same") for plane in planes] for planes in STACK])
    np.testing.assert_array_equal(after["s0"][:], finer)
    for name, factors in (("s1", (1, 2, 2, 2)), ("s2", (1, 1, 3, 3))):
        finer = np.rint(means_of(finer, factors, after[name].shape)).astype(np.uint16)
        np.testing.assert_array_equal(after[name][:], finer)
        assert after[name].metadata == before[name].metadata


def test_levels_are_added_to_an_image_of_one(tmp_path):
    described = {
        "axes": [{"name": name} for name in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [2.0, 0.5, 0.25]}]}],
    }
    group = zarr.create_group(tmp_path / "in.zarr", attributes={"ome": {"version": "0.5", "multiscales": [described]}})
    group.create_array("0", data=STACK[0], chunks=(1, 32, 32))
    arguments = ["denoise", str(tmp_path / "in.zarr")]
    assert CliRunner().invoke(main, [*arguments, str(tmp_path / "one.zarr")]).exit_code == 0
    assert len(open_zarr(tmp_path / "one.zarr").multiscale["datasets"]) == 1
    result = CliRunner().invoke(main, [*arguments, str(tmp_path / "three.zarr"), "--levels", "3"])
    assert result.exit_code == 0, result.output
    after = open_zarr(tmp_path / "three.zarr")
    assert [after.group[str(number)].shape for number in range(3)] == [(3, 75, 90), (3, 38, 45), (3, 19, 23)]
    np.testing.assert_array_equal(
        after.group["1"][:], np.rint(means_of(after.group["0"][:], (1, 2, 2), (3, 38, 45))).astype(np.uint16)
    )
    assert after.multiscale["datasets"][2]["coordinateTransformations"] == [
        {"type": "scale", "scale": [2.0, 2.0, 1.0]},
        {"type": "translation", "translation": [0.0, 0.75, 0.375]},
    ]
    refused = CliRunner().invoke(main, [*arguments, str(tmp_path / "many.zarr"), "--levels", "99"])
    assert "levels is 99; expected at most 8 for planes of 75 x 90" in refused.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "one.zarr", "three.zarr"]


def test_levels_are_for_zarr(tmp_path):
    (tmp_path / "in.png").write_bytes(b"")
    refused = CliRunner().invoke(
        main, ["denoise", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--levels", "2"]
    )
    assert refused.exit_code == 1
    assert "--levels was given" in refused.output

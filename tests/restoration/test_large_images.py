"""Images larger than memory: TIFF from file to file, OME-Zarr by Dask; bit-identical to the whole, or not there."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr
from click.testing import CliRunner
from PIL import ImageCms

import pkn
from pkn.cli import main
from pkn.io.images import read_image
from pkn.pretrained import weights_folder
from pkn.restoration import large_images

pytestmark = pytest.mark.usefixtures("small_parts")


def run(*arguments):
    return CliRunner().invoke(main, ["denoise", *map(str, arguments)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, ">u2"])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"compression": "zlib", "tile": (64, 64)}],
    ids=lambda options: str(options),
)
@pytest.mark.parametrize("shape", [(230, 300), (150, 220, 3)])
def test_a_large_tiff_is_bit_identical_to_the_whole(tmp_path, dtype, options, shape):
    image = np.random.default_rng(0).random(shape) * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if len(shape) == 3 else None
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    source = tmp_path / "in.tif"
    tifffile.imwrite(
        source, image.astype(dtype), photometric=photometric, iccprofile=profile, resolution=(300, 300), **options
    )
    result = run(source, tmp_path / "out.tif")
    assert result.exit_code == 0, result.output
    before, after = read_image(source), read_image(tmp_path / "out.tif")
    wanted = pkn.denoise(before.pages[0], channel_axis=before.channel_axis, dtype="same")
    np.testing.assert_array_equal(after.pages[0], wanted)
    assert after.pages[0].dtype == wanted.dtype
    assert (after.profile, after.resolution) == (before.profile, before.resolution)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_an_interrupted_run_leaves_no_result_and_is_resumed(tmp_path, monkeypatch):
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, (np.random.default_rng(0).random((230, 300)) * 255).astype(np.uint8))
    done = []
    whole = large_images.filter_planes

    def failing(*arguments):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(str(arguments[-1]) + arguments[0].tobytes().hex())
        whole(*arguments)

    monkeypatch.setattr(large_images, "filter_planes", failing)
    assert run(source, target).exit_code != 0
    assert not target.exists()
    assert json.loads((tmp_path / "out.tif.partial.json").read_text())["done"] == 5
    other = run(source, target, "--resume", "--strength", "2")
    assert other.exit_code == 1
    assert "expected" in other.output
    again = []

    def counting(*arguments):
        again.append(str(arguments[-1]) + arguments[0].tobytes().hex())
        whole(*arguments)

    monkeypatch.setattr(large_images, "filter_planes", counting)
    assert run(source, target, "--resume").exit_code == 0
    assert len(again) == 12 - 5
    assert not set(again) & set(done)
    np.testing.assert_array_equal(tifffile.imread(target), pkn.denoise(tifffile.imread(source), dtype="same"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_a_new_run_forgets_what_an_older_one_did(tmp_path, monkeypatch):
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, (np.random.default_rng(0).random((230, 300)) * 255).astype(np.uint8))
    whole = large_images.filter_planes
    for parts in (5, 0):  # interrupted after five parts, then begun anew and interrupted in the first
        left = iter(range(parts))

        def failing(*arguments, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            whole(*arguments)

        monkeypatch.setattr(large_images, "filter_planes", failing)
        assert run(source, target).exit_code != 0
    monkeypatch.setattr(large_images, "filter_planes", whole)
    assert run(source, target, "--resume").exit_code == 0
    np.testing.assert_array_equal(tifffile.imread(target), pkn.denoise(tifffile.imread(source), dtype="same"))


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A source, and a target whose run was interrupted in the third part."""
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, (np.random.default_rng(0).random((230, 300)) * 255).astype(np.uint8))
    whole, left = large_images.filter_planes, iter(range(2))

    def failing(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(large_images, "filter_planes", failing)
        assert run(source, target).exit_code != 0
    return source, target


def test_only_a_whole_run_of_the_same_image_and_weights_is_resumed(interrupted, tmp_path):
    source, target = interrupted
    partial = tmp_path / "out.tif.partial"
    content = partial.read_bytes()
    partial.write_bytes(content[: len(content) // 2])
    assert "bytes; expected" in run(source, target, "--resume").output
    partial.write_bytes(content)
    other = tifffile.imread(source)
    other[0, 0] ^= 1
    tifffile.imwrite(source, other)
    assert "of another image" in run(source, target, "--resume").output
    other[0, 0] ^= 1
    tifffile.imwrite(source, other)
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes((weights_folder() / "any-noise-grey.safetensors").read_bytes())
    assert run(source, target, "--resume", "--net", weights).exit_code == 0  # the same weights under another name
    np.testing.assert_array_equal(tifffile.imread(target), pkn.denoise(tifffile.imread(source), dtype="same"))


@pytest.mark.parametrize("name", ["out.tif.partial", "out.tif.partial.json"])
def test_a_users_own_file_is_left_alone(tmp_path, name):
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((100, 100), np.uint8))
    (tmp_path / name).write_text("{}")
    result = run(tmp_path / "in.tif", tmp_path / "out.tif")
    assert result.exit_code == 1
    assert "no interrupted run left it" in result.output
    assert (tmp_path / name).read_text() == "{}"


def test_a_link_is_followed_and_a_failure_leaves_nothing(tmp_path):
    image = np.zeros((100, 100), np.float32)
    tifffile.imwrite(tmp_path / "in.tif", image)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.tif").symlink_to(tmp_path / "folder" / "out.tif")
    assert run(tmp_path / "in.tif", tmp_path / "link.tif").exit_code == 0
    assert (tmp_path / "link.tif").is_symlink()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "folder" / "out.tif"), image)
    image[99, 99] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", image)
    assert "not finite" in run(tmp_path / "in.tif", tmp_path / "new.tif").output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "in.tif", "link.tif"]


def test_a_full_disk_is_an_error_before_any_work(tmp_path):
    """Here the largest size of a file stands for the disk's."""
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((1000, 1000), np.uint8))
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "from pkn.io import large_tiff\n"
        "from pkn.cli import main\n"
        "large_tiff.LARGE = 1000\n"
        "main(sys.argv[1:])\n"
    )
    arguments = ["denoise", str(tmp_path / "in.tif"), str(tmp_path / "out.tif"), "--sigma", "0.1"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_more_pixels_than_wanted_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((100, 100), np.uint8))
    assert "max_pixels = 9999" in run(tmp_path / "in.tif", tmp_path / "out.tif", "--max-pixels", 9999).output


def test_nothing_to_resume_is_said(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((100, 100), np.uint8))
    result = run(tmp_path / "in.tif", tmp_path / "out.tif", "--resume")
    assert result.exit_code == 1
    assert "can't be read" in result.output
    result = run(tmp_path / "in.tif", tmp_path / "out.png", "--resume")
    assert "--resume was given" in result.output


def ome(path, array, version, axes):
    scale = [{"type": "scale", "scale": [1.0] * (array.ndim - 2) + [0.5, 0.25]}]
    described = {
        "axes": [{"name": name, "type": "space" if name in "zyx" else "channel"} for name in axes],
        "datasets": [{"path": "0", "coordinateTransformations": scale}, {"path": "1"}],
        "name": "cells",
    }
    attributes = {"multiscales": [{**described, "version": "0.4"}]}
    if version == 3:
        attributes = {"ome": {"version": "0.5", "multiscales": [described]}}
    group = zarr.create_group(path, zarr_format=version, attributes=attributes)
    group.create_array("0", data=array, chunks=(1,) * (array.ndim - 2) + (70, 90))
    group.create_array("1", data=array[..., ::2, ::2])


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_is_denoised_plane_by_plane(tmp_path, version):
    stack = (np.random.default_rng(0).random((2, 3, 150, 180)) * 4000).astype(np.uint16)
    ome(tmp_path / "in.zarr", stack, version, "czyx")
    result = run(tmp_path / "in.zarr", tmp_path / "out.zarr")
    assert result.exit_code == 0, result.output
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    for index in np.ndindex(2, 3):
        np.testing.assert_array_equal(group["0"][index], pkn.denoise(stack[index], dtype="same"))
    assert group["0"].chunks == (1, 1, 70, 90)
    assert group.metadata.zarr_format == version
    described = group.attrs["ome"]["multiscales"][0] if version == 3 else group.attrs["multiscales"][0]
    assert [axis["name"] for axis in described["axes"]] == list("czyx")
    assert described["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 1, 0.5, 0.25]
    assert [dataset["path"] for dataset in described["datasets"]] == ["0", "1"]
    wanted = group["0"][:].astype(np.float64).reshape(2, 3, 75, 2, 90, 2).mean((3, 5))
    np.testing.assert_array_equal(group["1"][:], np.rint(wanted))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "out.zarr"]


@pytest.mark.parametrize("axes", [None, ["c", "y", "x"]], ids=["0.1", "0.3"])
def test_older_versions_of_ome_zarr_are_read(tmp_path, axes):
    stack = (np.random.default_rng(0).random((2, 40, 50)) * 4000).astype(np.uint16)
    described = {"datasets": [{"path": "0"}], "version": "0.1" if axes is None else "0.3"}
    described |= {} if axes is None else {"axes": axes}
    zarr.create_group(tmp_path / "in.zarr", zarr_format=2, attributes={"multiscales": [described]}).create_array(
        "0", data=stack
    )
    assert run(tmp_path / "in.zarr", tmp_path / "out.zarr", "--max-pixels", 2000).exit_code == 0
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    np.testing.assert_array_equal(group["0"][1], pkn.denoise(stack[1], dtype="same"))
    assert group.attrs["multiscales"] == [described]
    assert "max_pixels = 1999" in run(tmp_path / "in.zarr", tmp_path / "b.zarr", "--max-pixels", 1999).output


def test_a_failure_leaves_no_zarr_and_a_users_folder_is_left_alone(tmp_path):
    stack = np.zeros((2, 40, 50), np.float32)
    stack[1, 0, 0] = np.nan
    ome(tmp_path / "in.zarr", stack, 3, "zyx")
    (tmp_path / "out.zarr.partial").mkdir()
    assert "not finite" in run(tmp_path / "in.zarr", tmp_path / "out.zarr").output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "out.zarr.partial"]


@pytest.mark.parametrize("version", [2, 3])
def test_plain_arrays_are_denoised_plane_by_plane(tmp_path, version):
    stack = (np.random.default_rng(0).random((2, 40, 50)) * 4000).astype(np.uint16)
    array = zarr.create_array(tmp_path / "in.zarr", data=stack, chunks=(1, 20, 50), zarr_format=version)
    array.attrs["sample"] = "cells"
    assert run(tmp_path / "in.zarr", tmp_path / "out.zarr").exit_code == 0
    after = zarr.open(tmp_path / "out.zarr", mode="r")
    np.testing.assert_array_equal(after[1], pkn.denoise(stack[1], dtype="same"))
    assert (after.attrs["sample"], after.chunks, after.metadata.zarr_format) == ("cells", (1, 20, 50), version)


def test_what_is_no_ome_zarr_is_refused_in_one_line(tmp_path):
    zarr.create_group(tmp_path / "in.zarr")
    result = run(tmp_path / "in.zarr", tmp_path / "out.zarr")
    assert result.exit_code == 1
    assert "can't be read as a Zarr array or an OME-Zarr image" in result.output
    assert not (tmp_path / "out.zarr").exists()
    assert "both to end in .zarr" in run(tmp_path / "in.zarr", tmp_path / "out.tif").output
    ome(tmp_path / "flat.zarr", np.zeros((3, 50, 60), np.uint8), 3, "yxc")
    assert "expected y and x to be the last" in run(tmp_path / "flat.zarr", tmp_path / "out.zarr").output
    ome(tmp_path / "good.zarr", np.zeros((3, 50, 60), np.uint8), 3, "zyx")
    (tmp_path / "out.zarr").mkdir()
    assert "exists" in run(tmp_path / "good.zarr", tmp_path / "out.zarr").output


def test_a_large_tiff_is_denoised_by_the_networks_that_images_are(tmp_path):
    source = tmp_path / "in.tif"
    tifffile.imwrite(source, (np.random.default_rng(0).random((230, 300)) * 255).astype(np.uint8))
    result = run(source, tmp_path / "out.tif", "--net", "upsample")
    assert result.exit_code == 1
    assert "enlarges" in result.output
    assert not (tmp_path / "out.tif").exists()

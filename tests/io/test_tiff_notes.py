"""Axes, channels, physical sizes and flags of microscopes' TIFF files are kept."""

from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

import pkn
from pkn.cli import main
from pkn.io import large_tiff
from pkn.io.images import read_image, write_image

STACK = np.random.default_rng(0).integers(100, 400, (5, 2, 60, 70), np.uint16)
OME = {
    "axes": "ZCYX",
    "Channel": {"Name": ["DAPI", "GFP"]},
    "PhysicalSizeX": 0.1,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.2,
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": 1.5,
}


def denoised(source, target):
    result = CliRunner().invoke(main, ["denoise", str(source), str(target)])
    assert result.exit_code == 0, result.output
    return target


def test_ome_tiff_keeps_all_it_says(tmp_path):
    tifffile.imwrite(tmp_path / "in.ome.tif", STACK, ome=True, photometric="minisblack", metadata=OME)
    denoised(tmp_path / "in.ome.tif", tmp_path / "out.ome.tif")
    (tmp_path / "in.ome.tif").rename(tmp_path / "elsewhere.ome.tif")  # readers mustn't look for its pixels there
    with (
        tifffile.TiffFile(tmp_path / "elsewhere.ome.tif") as before,
        tifffile.TiffFile(tmp_path / "out.ome.tif") as after,
    ):
        assert after.is_ome
        assert after.series[0].axes == before.series[0].axes == "ZCYX"
        assert after.series[0].shape == STACK.shape
        values = after.series[0].asarray()
        pixels = [ElementTree.fromstring(each.ome_metadata).find(".//{*}Pixels") for each in (before, after)]
    for name in ("PhysicalSizeX", "PhysicalSizeXUnit", "PhysicalSizeY", "PhysicalSizeZ", "SizeX", "SizeC", "Type"):
        assert pixels[0].get(name) == pixels[1].get(name)
    assert [channel.get("Name") for channel in pixels[1].iter() if channel.tag.endswith("}Channel")] == ["DAPI", "GFP"]
    np.testing.assert_array_equal(values[3, 1], pkn.denoise(STACK[3, 1], dtype="same"))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_imagej_tiff_keeps_all_it_says(tmp_path, byteorder):
    notes = {
        "axes": "ZCYX",
        "spacing": 1.5,
        "unit": "um",
        "Labels": [f"slice {k}" for k in range(10)],
        "mode": "composite",
    }
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, STACK, imagej=True, resolution=(10, 5), metadata=notes, byteorder=byteorder)
    denoised(path, tmp_path / "out.tif")
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.is_imagej
        assert after.series[0].axes == before.series[0].axes == "ZCYX"
        assert after.imagej_metadata == before.imagej_metadata
        assert after.pages[0].resolution == before.pages[0].resolution
        np.testing.assert_array_equal(after.series[0].asarray()[4, 1], pkn.denoise(STACK[4, 1], dtype="same"))


def test_imagej_files_with_one_page_for_all_planes_are_read_whole(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", STACK, imagej=True, metadata={"axes": "ZCYX"}, truncate=True)
    with tifffile.TiffFile(tmp_path / "in.tif") as tif:
        assert len(tif.pages) == 1
    denoised(tmp_path / "in.tif", tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert (after.series[0].axes, after.series[0].shape) == ("ZCYX", STACK.shape)


def test_tifffiles_own_shapes_are_kept(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", STACK, metadata={"axes": "TCYX"})
    with tifffile.TiffFile(denoised(tmp_path / "in.tif", tmp_path / "out.tif")) as after:
        assert (after.series[0].axes, after.series[0].shape) == ("TCYX", STACK.shape)


def test_large_pages_keep_it_too(tmp_path, monkeypatch):
    monkeypatch.setattr(large_tiff, "LARGE", 1000)
    image = STACK[0, 0]
    tifffile.imwrite(tmp_path / "a.ome.tif", image, ome=True, metadata=OME | {"axes": "YX", "Channel": None})
    tifffile.imwrite(tmp_path / "b.tif", image, imagej=True, metadata={"Info": "note", "unit": "um"}, byteorder=">")
    for name in ("a.ome.tif", "b.tif"):
        with tifffile.TiffFile(denoised(tmp_path / name, tmp_path / f"out-{name}")) as after:
            assert after.is_ome or after.imagej_metadata["Info"] == "note"
            np.testing.assert_array_equal(after.series[0].asarray(), pkn.denoise(image, dtype="same"))


def test_sizes_that_change_are_told(tmp_path):
    tifffile.imwrite(tmp_path / "in.ome.tif", STACK, ome=True, photometric="minisblack", metadata=OME)
    image = read_image(tmp_path / "in.ome.tif")
    write_image(
        tmp_path / "out.tif", image.with_pages([np.kron(page, np.ones((2, 2), np.float32)) for page in image.pages])
    )
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.series[0].shape == (5, 2, 120, 140)
        pixels = ElementTree.fromstring(after.ome_metadata).find(".//{*}Pixels")
    assert (pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeY"), pixels.get("Type")) == ("0.05", "0.1", "float")


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("<?xml version='1.0'?><OME><Image>", "is damaged"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><OME>&a;</OME>", "entities"),
        ("<OME><TiffData><UUID FileName='a'/></TiffData><TiffData><UUID FileName='b'/></TiffData></OME>", "in 2 files"),
    ],
)
def test_ome_xml_that_can_not_be_kept_is_said(tmp_path, description, message):
    tifffile.imwrite(tmp_path / "in.tif", STACK[0, 0], description=description, metadata=None)
    with pytest.raises(ValueError, match=message):
        read_image(tmp_path / "in.tif")


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "bool"])
def test_other_types_are_kept(tmp_path, dtype):
    image = STACK[0, 0].astype(dtype)
    tifffile.imwrite(tmp_path / "in.tif", image, photometric="minisblack")
    found = read_image(tmp_path / "in.tif")
    write_image(tmp_path / "out.tif", found)
    again = tifffile.imread(tmp_path / "out.tif")
    if dtype == "bool":  # a bit a pixel, as scanners write it, is read as 0 and 255
        image = image * np.uint8(255)
    np.testing.assert_array_equal(again, image)
    assert again.dtype == image.dtype

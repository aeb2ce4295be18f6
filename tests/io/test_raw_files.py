"""Raw files: what LibRaw reads of a DNG, and what is developed from a mosaic put back."""

import dng
import numpy as np
import pytest
import rawpy
import tifffile

from pkn.io.images import read_image
from pkn.io.raw_files import read_raw, write_developed


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_the_mosaic_and_what_the_file_says_of_it(tmp_path, pattern):
    counts = dng.exposed(dng.mosaic_of(dng.scene(), pattern), np.random.default_rng(0))
    dng.write_dng(tmp_path / "a.dng", counts, pattern, noise=[(0.002, 9e-6)])
    raw = read_raw(tmp_path / "a.dng")
    np.testing.assert_array_equal(raw.mosaic, counts)
    assert (raw.pattern, raw.white) == (pattern, dng.WHITE)
    np.testing.assert_array_equal(raw.black, dng.BLACK)
    assert raw.noise == dict.fromkeys("RGB", (0.002, 9e-6))


def test_noise_by_colour_and_none(tmp_path):
    counts = np.full((40, 60), 2000, np.uint16)
    dng.write_dng(tmp_path / "a.dng", counts, noise=[(1e-3, 1e-6), (2e-3, 2e-6), (3e-3, 3e-6)])
    assert read_raw(tmp_path / "a.dng").noise == {"R": (1e-3, 1e-6), "G": (2e-3, 2e-6), "B": (3e-3, 3e-6)}
    dng.write_dng(tmp_path / "b.dng", counts)
    assert read_raw(tmp_path / "b.dng").noise == {}


def test_developed_is_what_libraw_makes_of_a_file_with_that_mosaic(tmp_path):
    counts = dng.exposed(dng.mosaic_of(dng.scene()), np.random.default_rng(1))
    other = counts // 2 + dng.BLACK // 2
    for name, values in (("a", counts), ("b", other)):
        dng.write_dng(tmp_path / f"{name}.dng", values)
    write_developed(tmp_path / "out.tif", tmp_path / "a.dng", other)
    with rawpy.imread(str(tmp_path / "b.dng")) as raw:
        expected = raw.postprocess(output_bps=16, no_auto_bright=True, adjust_maximum_thr=0.0, use_camera_wb=True)
    pixels = read_image(tmp_path / "out.tif").pages[0]
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, expected)


def test_a_linear_dng_holds_the_cameras_own_colours(tmp_path):
    scene = dng.scene()
    counts = (dng.BLACK + dng.mosaic_of(scene) * (dng.WHITE - dng.BLACK)).round().astype(np.uint16)
    dng.write_dng(tmp_path / "a.dng", counts)
    write_developed(tmp_path / "out.dng", tmp_path / "a.dng", counts)
    with tifffile.TiffFile(tmp_path / "out.dng") as tif:
        page = tif.pages[0]
        assert page.photometric == 34892  # LinearRaw
        assert page.tags[50728].value == tuple(dng.rationals(dng.BALANCE))
        np.testing.assert_allclose(np.median(page.asarray() / 65535 / np.maximum(scene, 1e-3), (0, 1)), 1, atol=0.01)
    with rawpy.imread(str(tmp_path / "out.dng")) as raw, rawpy.imread(str(tmp_path / "a.dng")) as source:
        settings = {"output_bps": 16, "no_auto_bright": True, "adjust_maximum_thr": 0.0, "use_camera_wb": True}
        ours, theirs = (each.postprocess(**settings).astype(float) / 65535 for each in (raw, source))
    assert np.abs(ours - theirs).mean() < 0.01


def test_what_is_no_raw_file(tmp_path):
    (tmp_path / "a.dng").write_bytes(b"no raw file")
    with pytest.raises(ValueError, match=r"cannot read .* as a raw file"):
        read_raw(tmp_path / "a.dng")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_raw(tmp_path / "b.dng")
    dng.write_dng(tmp_path / "c.dng", np.full((40, 60), 2000, np.uint16))
    with pytest.raises(ValueError, match=r"expected .dng, .tif"):
        write_developed(tmp_path / "c.png", tmp_path / "c.dng", np.zeros((40, 60), np.uint16))
    with pytest.raises(ValueError, match=r"mosaic has shape \(4, 6\)"):
        write_developed(tmp_path / "c.tif", tmp_path / "c.dng", np.zeros((4, 6), np.uint16))
    assert not (tmp_path / "c.tif").exists()
    write_developed(tmp_path / "linear.dng", tmp_path / "c.dng", np.full((40, 60), 2000, np.uint16))
    with pytest.raises(ValueError, match="no mosaic of 2 x 2 colours"):
        read_raw(tmp_path / "linear.dng")


def test_without_rawpy(monkeypatch, tmp_path):
    monkeypatch.setattr("pkn.io.raw_files.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'procedural-kernels\[raw\]'"):
        read_raw(tmp_path / "a.dng")

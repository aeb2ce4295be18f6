"""The report on image files, by the commands that write it."""

import base64
import hashlib
import io
import re

import numpy as np
import pytest
from PIL import Image

from pkn.evidence.report_words import what_was_done
from pkn.evidence.reports import Work, write_page
from pkn.filters import LumaChromaPyramid
from pkn.io.images import ImageFile, read_image, write_image
from pkn.restoration.denoising import predict_maps
from pkn.restoration.parameter_maps import ParameterMaps

NET = ("--net", "bilateral")


@pytest.fixture
def stack(tmp_path):
    """Three pages of counts from 100 to about 400, each with a step elsewhere."""
    random, column = np.random.default_rng(0), np.arange(80)
    pages = [(100 + random.poisson(np.tile(np.where(column < at, 20, 250), (64, 1)))) for at in (20, 40, 60)]
    write_image(tmp_path / "stack.tif", ImageFile(tuple(page.astype(np.uint16) for page in pages)))
    return tmp_path / "stack.tif"


def pictures(page, kind):
    """The pixels of pictures of a kind, before or after."""
    found = re.findall(rf'<img src="data:[a-z/]*;base64,([^"]*)"[^>]*class="{kind}', page)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def reported(run, tmp_path, source, *options):
    out = tmp_path / f"out{source.suffix}"
    result = run("denoise", source, out, *options, "--report", tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    return (tmp_path / "report.html").read_text(), out


def test_a_stack_of_counts_is_whole_and_not_black(run, tmp_path, stack):
    page, out = reported(run, tmp_path, stack, *NET)
    for kind in ("before", "after"):
        shown = pictures(page, kind)
        assert len(shown) == 3
        for at, each in zip((20, 40, 60), shown, strict=True):
            assert each[:, : at - 8].mean() < 60
            assert each[:, at + 8 :].mean() > 150
    assert "3 pages, the first of 80 × 64 px, grey, uint16" in page
    black, white = map(float, re.search(r"Black is ([\d.]+), white is ([\d.]+): stretched", page).groups())
    assert 100 <= black <= 115
    assert 370 <= white <= 430
    for path in (stack, out):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in page
    assert page.count("Image minus result</h3>") == page.count("Averaging radius</h3>") == 3


def test_a_pyramid_shows_two_maps_and_folds_the_rest(run, tmp_path, stack):
    image = read_image(stack).pages[0]
    write_image(tmp_path / "one.tif", ImageFile((image,)))
    page, _ = reported(run, tmp_path, tmp_path / "one.tif")
    open_part, folded = page.split("<details>")[0], page.split("<details>")[1].split("</details>")[0]
    assert re.findall(r"<h3>(.*?)</h3>", open_part) == ["Averaging radius", "Averaging direction"]
    assert folded.count("<figure>") == 2 + 17
    assert "Standard deviation of the noise over intensity" in page
    assert "1 at every pixel: no weight is below 0" in page
    assert "How sure each pixel is" not in page


def test_uncertainty_is_told_if_asked(run, tmp_path, stack):
    image = read_image(stack).pages[0][:48, :48]
    write_image(tmp_path / "one.tif", ImageFile((image,)))
    page, _ = reported(run, tmp_path, tmp_path / "one.tif", "--uncertainty")
    assert "90% interval, ±" in page
    page, _ = reported(run, tmp_path, tmp_path / "one.tif", *NET, "--uncertainty", "--overwrite")
    assert "Size of the estimated bias" in page  # no intervals were measured
    result = run("denoise", stack, tmp_path / "other.tif", "--uncertainty")
    assert result.exit_code == 1
    assert "--uncertainty was given without --report" in result.output


def test_large_images_are_shrunk_with_a_part_in_full_size(tmp_path):
    image = np.full((40, 2000), 90, np.uint8)
    image[:, 1500:1700:2] = 200  # most is to be seen here
    maps = predict_maps(image, "bilateral", sigma=0.02)
    write_page(tmp_path / "a.html", Work(tmp_path / "a.png", [image], [image], [maps], 1.0))
    page = (tmp_path / "a.html").read_text()
    whole, part = pictures(page, "after")
    assert whole.shape == (32, 1600)
    rows, first, last = re.search(r"rows 0 to (\d+), columns (\d+) to (\d+)", page).groups()
    assert rows == "39"
    np.testing.assert_array_equal(part, image[:, int(first) : int(last) + 1])
    assert int(first) < 1700
    assert int(last) > 1500


def test_gaps_and_blank_images_are_reported(tmp_path):
    image = np.full((40, 60), 0.5, np.float32)
    image[10:14, 20:30] = np.nan
    maps = predict_maps(image, "bilateral", sigma=0.1)
    write_page(tmp_path / "a.html", Work(tmp_path / "a.npy", [image], [maps.apply(image)], [maps], 1.0))
    assert "40 values: masked, transparent or not finite" in (tmp_path / "a.html").read_text()


def test_what_is_promised_of_ranges_is_what_the_filter_keeps():
    """In colour the planes of luma and chroma keep their ranges; R, G and B may leave theirs, and here one does."""
    flat, dot = np.full((32, 32, 3), [0.0, 0.5, 0.5], np.float32), (16, 16)
    flat[dot] = [0.0, 0.2, 0.2]
    flt = LumaChromaPyramid(radius=2, features=1, levels=1)
    values = {}
    for name in flt.ranges:  # luma as it is, chroma averaged over the window
        value = 10 if name.startswith("luma_k") else 1 if "sigma" in name else 0
        values[name] = np.full((*flt.plane_shape(name), *flt.map_size(name, (32, 32))), value, np.float32)
    about = {"pkn": "0", "net": "x", "strength": 1.0, "sigma": 0.1, "sigma_given": True}
    colour = ParameterMaps(flt, values, -1, about)
    assert colour.apply(flat)[..., 0].min() < -0.01
    told = " ".join(what_was_done("a.png", colour, flat, 1, 1.0))
    assert "red, green and blue by themselves may go beyond" in told
    assert "Every value of the result" not in told
    grey = predict_maps(flat[..., 1], net="bilateral")
    assert "Every value of the result" in " ".join(what_was_done("a.png", grey, flat[..., 1], 1, 1.0))

"""What each image format keeps, found by writing and reading; docs/files.md has the table that this makes."""

import io
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from astropy.io import fits
from PIL import Image, ImageCms
from skimage import data

from pkn.io.formats import FORMATS, format_of
from pkn.io.images import DTYPES, SUFFIXES, ImageFile, read_image, write_image

ROOT = Path(__file__).parents[2]
RANDOM = np.random.default_rng(0)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLUMNS = ("format", "suffixes", "types", "without loss", "grey", "RGB", "alpha", "pages", "profile, EXIF, resolution")


def pixels(dtype, shape=(24, 37)):
    if np.dtype(dtype).kind == "f":
        return RANDOM.normal(0.5, 1, shape).astype(dtype)
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def photograph():
    return data.astronaut()[100:140, 200:260]


def exif_block():
    exif = Image.Exif()
    exif[271] = "Maker"
    return exif.tobytes()


def few_colours(dtype):
    return np.asarray(photograph() // 128 * 100, dtype)


def kept(path, image):
    """The image that is read after writing this one, without warnings; or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_image(path, image)
        return read_image(path)
    except (ValueError, UserWarning):
        return None


def holds(path, image, *, exactly=True):
    again = kept(path, image)
    if again is None or len(again.pages) != len(image.pages) or (again.alpha[0] is None) != (image.alpha[0] is None):
        return False
    pairs = list(zip(again.pages, image.pages, strict=True))
    if any(here.shape != there.shape or here.dtype != there.dtype for here, there in pairs):
        return False
    return not exactly or all(np.array_equal(here, there) for here, there in pairs)


def row(each, folder):
    path = folder / f"a{each.suffixes[0]}"
    plain = holds(path, ImageFile((pixels("uint8"),)), exactly=False)
    samples = {dtype: ImageFile((pixels(dtype) if plain else few_colours(dtype),)) for dtype in DTYPES}
    types = [dtype for dtype, image in samples.items() if holds(path, image, exactly=False)]
    exact = all(holds(path, samples[dtype]) for dtype in types)
    grey = pixels("uint8")
    colour = holds(path, ImageFile((photograph(),)), exactly=False)
    few = colour or holds(path, ImageFile((few_colours("uint8"),)))
    alpha = holds(path, ImageFile((photograph(),), (photograph()[..., 0],)), exactly=False)
    pages = holds(path, ImageFile((grey, grey[::-1].copy())))
    metadata = []
    for name, value in (("profile", PROFILE), ("exif", exif_block()), ("resolution", (300.0, 300.0, "inch"))):
        again = kept(
            path, ImageFile((photograph() if colour else few_colours("uint8") if few else grey,), **{name: value})
        )
        found = again and getattr(again, name)
        metadata.append(bool(found))
    return (
        each.name,
        ", ".join(each.suffixes),
        ", ".join(types),
        "yes" if exact else "no",
        "yes" if plain else "no",
        "yes" if colour else "256 colours" if few else "no",
        *("yes" if value else "no" for value in (alpha, pages)),
        ", ".join("yes" if value else "no" for value in metadata),
    )


def table(folder):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row(each, folder)) + " |" for each in FORMATS])


def test_the_table_in_the_docs_is_what_happens(tmp_path):
    assert table(tmp_path) in (ROOT / "docs/files.md").read_text()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_is_recognised_by_its_content(tmp_path, suffix):
    image = np.uint8(data.camera()[100:150, 200:260])
    write_image(tmp_path / f"a{suffix.upper()}", ImageFile((image,)), quality=100)
    (tmp_path / f"a{suffix.upper()}").rename(tmp_path / "content")
    found = read_image(tmp_path / "content")
    np.testing.assert_allclose(found.pages[0].astype(float).reshape(50, 60, -1)[..., 0], image, atol=6)
    with pytest.raises(ValueError, match="max_pixels"):
        read_image(tmp_path / "content", max_pixels=2999)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_files_are_one_error(tmp_path, suffix):
    write_image(tmp_path / f"a{suffix}", ImageFile((pixels("uint8"),)))
    whole = (tmp_path / f"a{suffix}").read_bytes()
    for part in (0.02, 0.3, 0.6, 0.9):
        (tmp_path / "cut").write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match="cannot read"):
            read_image(tmp_path / "cut")


def test_what_is_lost_is_said(tmp_path):
    image = ImageFile((photograph(),), profile=PROFILE, exif=exif_block())
    with pytest.warns(UserWarning, match="JPEG 2000 can't hold the image's profile, exif"):
        write_image(tmp_path / "a.jp2", image)
    for suffix, message in ((".gif", "256 colours"), (".fits", "colour or alpha"), (".xyz", "with the suffix")):
        with pytest.raises(ValueError, match=message):
            write_image(tmp_path / f"a{suffix}", ImageFile((photograph(),)))
    with pytest.raises(ValueError, match="int16; expected uint8, uint16 or floats"):
        write_image(tmp_path / "a.png", ImageFile((pixels("int16"),)))


def test_cmyk_becomes_what_screens_show(tmp_path):
    Image.fromarray(photograph()).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    found = read_image(tmp_path / "a.jpg")
    assert np.abs(found.pages[0].astype(int) - photograph()).mean() < 3
    assert found.profile is None


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_of_more_bits(tmp_path, bits):
    values = RANDOM.integers(0, 2**bits, (20, 30, 3)).astype(np.uint16)
    (tmp_path / "a.avif").write_bytes(imagecodecs.avif_encode(values, level=100, bitspersample=bits))
    found = read_image(tmp_path / "a.avif").pages[0]
    np.testing.assert_array_equal(found, np.rint(values / (2**bits - 1) * 65535))


def test_jpeg_2000_of_odd_bits(tmp_path):
    values = RANDOM.integers(0, 2**12, (20, 30)).astype(np.uint16)
    encoded = imagecodecs.jpeg2k_encode(values, level=0, reversible=True, bitspersample=12, codecformat="j2k")
    (tmp_path / "a.j2k").write_bytes(encoded)
    np.testing.assert_array_equal(read_image(tmp_path / "a.j2k").pages[0], np.rint(values / 4095 * 65535))


def test_netpbm_of_other_ranges(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 3 1 100\n" + bytes([0, 50, 100]))
    assert read_image(tmp_path / "a.pgm").pages[0].tolist() == [[0, 128, 255]]
    (tmp_path / "a.pgm").write_bytes(b"P2\n# a remark\n2 1\n1000\n500 1000\n")
    assert read_image(tmp_path / "a.pgm").pages[0].tolist() == [[32768, 65535]]
    (tmp_path / "a.pbm").write_bytes(b"P1\n3 1\n1 0 1\n")
    assert read_image(tmp_path / "a.pbm").pages[0].tolist() == [[0, 255, 0]]


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i2", "uint16", ">f4", "float64", "int32"])
@pytest.mark.parametrize("shape", [(8, 9), (3, 8, 9)])
def test_fits_keeps_its_header(tmp_path, dtype, shape):
    values = RANDOM.integers(0, 120, shape).astype(dtype)
    unit = fits.PrimaryHDU(values)
    unit.header["OBJECT"] = ("M31", "a galaxy")
    unit.header["CRVAL1"] = 10.5
    unit.writeto(tmp_path / "a.fits")
    image = read_image(tmp_path / "a.fits")
    assert len(image.pages) == (1 if len(shape) == 2 else 3)
    write_image(tmp_path / "b.fits", image)
    with fits.open(tmp_path / "b.fits") as units:
        np.testing.assert_array_equal(units[0].data, values)
        assert units[0].data.dtype.newbyteorder("=") == values.dtype.newbyteorder("=")
        assert (units[0].header["OBJECT"], units[0].header["CRVAL1"]) == ("M31", 10.5)
        assert units[0].header.comments["OBJECT"] == "a galaxy"


def test_npy_of_stacks_and_colour(tmp_path):
    for shape, number in (((5, 6), 1), ((5, 6, 3), 1), ((5, 6, 4), 1), ((7, 5, 6), 7)):
        array = RANDOM.random(shape, np.float32)
        np.save(tmp_path / "a.npy", array)
        image = read_image(tmp_path / "a.npy")
        assert len(image.pages) == number
        write_image(tmp_path / "b.npy", image)
        np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), array)
    np.save(tmp_path / "a.npy", np.eye(3) > 0)
    assert read_image(tmp_path / "a.npy").pages[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    for array, message in ((np.zeros((2, 3, 4, 5)), "expected \\(H, W\\)"), (np.zeros((4, 4), complex), "complex128")):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(ValueError, match=message):
            read_image(tmp_path / "a.npy")


def test_animations_are_refused(tmp_path):
    frames = [Image.fromarray(RANDOM.integers(0, 255, (9, 9), np.uint8)) for _ in range(2)]
    for name in ("a.gif", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(ValueError, match="animated"):
            read_image(tmp_path / name)


def test_every_suffix_has_one_format():
    assert len(set(SUFFIXES)) == len(SUFFIXES)
    for suffix in SUFFIXES:
        assert suffix in format_of(f"x{suffix.upper()}").suffixes
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    assert sum(each.recognises(buffer.getvalue()[:32]) for each in FORMATS) == 1

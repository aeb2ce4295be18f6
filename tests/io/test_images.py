import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL import ImageFile as PillowFile

from pkn.io import large_tiff, tiff
from pkn.io.images import DTYPES, ImageFile, encode_png, read_image, write_image

SUFFIXES_OF = {"uint8": (".png", ".tif"), "uint16": (".png", ".tiff")}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_block(orientation=6):
    exif = Image.Exif()
    exif[271] = "Maker"
    exif[274] = orientation
    exif[34665] = {33434: 0.01, 36867: "2024:01:02 03:04:05"}
    return exif.tobytes()


def samples(dtype, shape, seed=0):
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return generator.normal(0.5, 2.0, shape).astype(dtype)
    return generator.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, bits, kind, rows, *extra):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


def assert_same(actual, expected):
    assert len(actual.pages) == len(expected.pages)
    for a, b in zip((*actual.pages, *actual.alpha), (*expected.pages, *expected.alpha), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


# Round trips


@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1), (1, 1, 3), (3, 1), (1, 3), (3, 3, 3)])
@pytest.mark.parametrize(("dtype", "suffix"), [(d, s) for d in DTYPES for s in SUFFIXES_OF.get(d, (".tif",))])
def test_round_trip_is_exact(tmp_path, dtype, suffix, shape, with_alpha):
    alpha = samples(dtype, shape[:2], 1) if with_alpha else None
    image = ImageFile((samples(dtype, shape),), (alpha,), profile=PROFILE, exif=exif_block())
    write_image(tmp_path / f"a{suffix}", image)
    got = read_image(tmp_path / f"a{suffix}")
    assert_same(got, image)
    assert got.profile == PROFILE
    assert got.exif == exif_block()
    assert got.channel_axis == (None if len(shape) == 2 else -1)


@pytest.mark.parametrize("shape", [(16, 24), (16, 24, 3)])
def test_jpeg_keeps_metadata_and_comes_close(tmp_path, shape):
    smooth = np.broadcast_to(np.linspace(20, 230, 24).astype(np.uint8)[(None, slice(None), None)[: len(shape)]], shape)
    image = ImageFile((smooth.copy(),), profile=PROFILE, exif=exif_block(), resolution=(300.0, 200.0, "inch"))
    write_image(tmp_path / "a.JPG", image)
    got = read_image(tmp_path / "a.JPG")
    assert got.pages[0].shape == shape
    assert np.abs(got.pages[0].astype(int) - smooth).max() <= 3
    assert (got.profile, got.exif, got.resolution) == (PROFILE, exif_block(), (300.0, 200.0, "inch"))


def test_jpeg_colour_is_not_subsampled_and_quality_counts(tmp_path):
    image = ImageFile((samples("uint8", (32, 32, 3)),))
    write_image(tmp_path / "a.jpeg", image)
    write_image(tmp_path / "b.jpeg", image, quality=30)
    assert (tmp_path / "b.jpeg").stat().st_size < (tmp_path / "a.jpeg").stat().st_size / 2
    with Image.open(tmp_path / "a.jpeg") as picture:
        assert [layer[1:3] for layer in picture.layer] == [(1, 1)] * 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    colours=st.sampled_from([(), (3,)]),
    kind=st.sampled_from([(d, s) for d in DTYPES for s in SUFFIXES_OF.get(d, (".tif",))]),
    with_alpha=st.booleans(),
    pages=st.integers(1, 3),
)
def test_any_shape_round_trips(tmp_path, height, width, colours, kind, with_alpha, pages):
    dtype, suffix = kind
    number = pages if suffix != ".png" else 1
    arrays = tuple(samples(dtype, (height, width, *colours), seed) for seed in range(number))
    alpha = tuple(samples(dtype, (height, width), 9) if with_alpha else None for _ in range(number))
    image = ImageFile(arrays, alpha)
    write_image(tmp_path / f"h{suffix}", image)
    assert_same(read_image(tmp_path / f"h{suffix}"), image)


def test_pages_of_several_sizes(tmp_path):
    pages = tuple(samples("uint16", shape, i) for i, shape in enumerate([(4, 6), (9, 2), (1, 1)]))
    image = ImageFile(pages, (None, samples("uint16", (9, 2), 7), None), profile=PROFILE, exif=exif_block())
    write_image(tmp_path / "a.tif", image)
    got = read_image(tmp_path / "a.tif")
    assert_same(got, image)
    assert (got.profile, got.exif) == (PROFILE, exif_block())


def test_tiff_has_only_what_was_given(tmp_path):
    write_image(tmp_path / "a.tif", ImageFile((samples("uint8", (4, 4)),)))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        tags = {tag.code for tag in tif.pages[0].tags}
    assert not tags & {270, 274, 305, 306, 34377, 34675}
    got = read_image(tmp_path / "a.tif")
    assert (got.profile, got.exif, got.resolution) == (None, None, None)


@pytest.mark.parametrize("resolution", [(300.0, 150.5, "inch"), (118.11, 40.0, "cm"), (2.0, 3.0, "none")])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_resolution(tmp_path, suffix, resolution):
    write_image(tmp_path / f"a{suffix}", ImageFile((samples("uint8", (2, 2)),), resolution=resolution))
    x, y, unit = read_image(tmp_path / f"a{suffix}").resolution
    if unit == "cm" and resolution[2] == "inch":
        x, y, unit = x * 2.54, y * 2.54, "inch"
    assert unit == resolution[2]
    assert (x, y) == pytest.approx(resolution[:2], rel=2e-4)


def test_pillow_reads_what_is_written(tmp_path):
    page = samples("uint16", (6, 5))
    image = ImageFile((page,), profile=PROFILE, exif=exif_block(), resolution=(300.0, 300.0, "inch"))
    for suffix, expected in ((".png", page), (".tif", np.rot90(page, -1))):  # Pillow turns TIFFs upright itself
        write_image(tmp_path / f"a{suffix}", image)
        with Image.open(tmp_path / f"a{suffix}") as picture:
            assert picture.getexif()[274] == 6
            np.testing.assert_array_equal(np.array(picture), expected)
            assert picture.info["icc_profile"] == PROFILE
            assert picture.info["dpi"] == pytest.approx((300, 300), rel=1e-4)


def test_png_colour_chunks_are_kept(tmp_path):
    gamma = (b"gAMA", struct.pack(">I", 100000))
    (tmp_path / "a.png").write_bytes(encode_png(samples("uint8", (3, 3)), chunks=[gamma]))
    image = read_image(tmp_path / "a.png")
    assert image.png_colour == (gamma,)
    write_image(tmp_path / "b.png", image.with_pages([samples("uint8", (3, 3), 1)]))
    assert read_image(tmp_path / "b.png").png_colour == (gamma,)


def test_exif_travels_between_formats(tmp_path):
    image = ImageFile((samples("uint8", (8, 8, 3)),), profile=PROFILE, exif=exif_block())
    for suffix in (".jpg", ".tif", ".png", ".jpg"):
        write_image(tmp_path / f"a{suffix}", image)
        image = read_image(tmp_path / f"a{suffix}")
    assert (image.profile, image.exif) == (PROFILE, exif_block())


def test_exif_may_come_without_its_mark_and_be_nonsense(tmp_path):
    for suffix in (".png", ".jpg", ".tif"):
        write_image(tmp_path / f"a{suffix}", ImageFile((samples("uint8", (8, 8)),), exif=b"II*\0odd"))
        assert read_image(tmp_path / f"a{suffix}").exif == b"Exif\0\0II*\0odd"


def test_tags_of_a_camera_tiff_become_exif(tmp_path):
    page = samples("uint8", (6, 6, 3))
    exif = Image.Exif()
    exif.load(exif_block(8))
    Image.fromarray(page).save(tmp_path / "a.tif", exif=exif, dpi=(72, 72))
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pages[0], page)
    loaded = Image.Exif()
    loaded.load(image.exif)
    assert (loaded[271], loaded[274]) == ("Maker", 8)
    assert loaded.get_ifd(34665)[36867] == "2024:01:02 03:04:05"
    assert 273 not in loaded  # nothing about strips
    write_image(tmp_path / "b.tif", image)
    assert read_image(tmp_path / "b.tif").exif == image.exif


# Conversion


def test_floats_become_16_bit_png_and_8_bit_jpeg(tmp_path):
    page = np.array([[-1.0, 0.0, 0.25, 0.5], [1.0, 7.0, np.nan, np.inf]], np.float32)
    write_image(tmp_path / "a.png", ImageFile((page,), (np.ones_like(page),)))
    got = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(got.pages[0], np.uint16([[0, 0, 16384, 32768], [65535, 65535, 0, 65535]]))
    np.testing.assert_array_equal(got.alpha[0], np.full((2, 4), 65535, np.uint16))
    for value, expected in ((0.5, 128), (2.0, 255)):
        write_image(tmp_path / "a.jpg", ImageFile((np.full((8, 8), value, np.float16),)))
        np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").pages[0], np.full((8, 8), expected))


@pytest.mark.parametrize("value", [0, 127, 128, 129, 257 * 100 + 128, 257 * 100 + 129, 65535])
def test_16_bit_is_rounded_for_jpeg(tmp_path, value):
    write_image(tmp_path / "a.jpg", ImageFile((np.full((8, 8), value, np.uint16),)), quality=100)
    expected = int(np.rint(value / 257))
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").pages[0], np.full((8, 8), expected, np.uint8))


# Kinds of files


def test_palette_with_transparency_becomes_rgb_and_alpha(tmp_path):
    palette = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7]))
    (tmp_path / "a.png").write_bytes(png(4, 1, 2, 3, [b"\x1b"], palette, chunk(b"tRNS", b"\x00\x80")))
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pages[0], np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]]]))
    np.testing.assert_array_equal(image.alpha[0], np.uint8([[0, 128, 255, 255]]))


@pytest.mark.parametrize(
    ("bits", "row", "expected"),
    [(1, b"\xaa", [255, 0] * 4), (2, b"\x1b", [0, 85, 170, 255]), (4, b"\x1b\xf3", [17, 187, 255, 51])],
)
def test_few_bits_scale_to_8(tmp_path, bits, row, expected):
    (tmp_path / "a.png").write_bytes(png(len(expected), 1, bits, 0, [row]))
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pages[0], np.uint8([expected]))
    assert image.alpha == (None,)


def test_transparent_colour_becomes_alpha(tmp_path):
    (tmp_path / "a.png").write_bytes(png(2, 1, 16, 2, [bytes(range(12))], chunk(b"tRNS", bytes(range(6)))))
    image = read_image(tmp_path / "a.png")
    assert image.pages[0].dtype == np.uint16
    np.testing.assert_array_equal(image.alpha[0], np.uint16([[0, 65535]]))


TIFF_KINDS = {
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "LZW": {"compression": "lzw", "predictor": True},
    "tiles": {"tile": (16, 16), "compression": "zstd"},
    "planar": {"planarconfig": "separate", "compression": "zlib"},
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_tiff_layouts(tmp_path, kind, dtype):
    page = samples(dtype, (37, 41, 4))
    stored = np.moveaxis(page, -1, 0) if kind == "planar" else page
    options = {"planarconfig": "contig", **TIFF_KINDS[kind]}
    with tifffile.TiffWriter(
        tmp_path / "a.tif", byteorder=options.pop("byteorder", None), bigtiff=options.pop("bigtiff", False)
    ) as writer:
        writer.write(stored, photometric="rgb", extrasamples=["unassalpha"], **options)
    image = read_image(tmp_path / "a.tif")
    assert_same(image, ImageFile((page[..., :3].copy(),), (page[..., 3].copy(),)))


def test_min_is_white_is_inverted(tmp_path):
    page = samples("uint16", (4, 5))
    tifffile.imwrite(tmp_path / "a.tif", page, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pages[0], 65535 - page)


def test_one_bit_tiff(tmp_path):
    bits = samples("uint8", (5, 9)) > 99
    for photometric in ("minisblack", "miniswhite"):
        tifffile.imwrite(tmp_path / "a.tif", bits, photometric=photometric)
        expected = np.where(bits == (photometric == "minisblack"), 255, 0)
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pages[0], expected)
        assert read_image(tmp_path / "a.tif").pages[0].dtype == np.uint8


def test_palette_tiff(tmp_path):
    index, palette = samples("uint8", (4, 6)), samples("uint8", (3, 256), 3)
    colormap = palette.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=colormap)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pages[0], np.moveaxis(palette[:, index], 0, -1))


def test_premultiplied_alpha_is_divided_out(tmp_path):
    stored = np.uint8([[[100, 50, 0, 100], [64, 32, 16, 128]], [[7, 7, 7, 0], [1, 2, 3, 255]]])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    image = read_image(tmp_path / "a.tif")
    expected = np.uint8([[[255, 128, 0], [128, 64, 32]], [[0, 0, 0], [1, 2, 3]]])
    np.testing.assert_array_equal(image.pages[0], expected)
    np.testing.assert_array_equal(image.alpha[0], stored[..., 3])


def test_jpeg_in_tiff(tmp_path):
    page = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", page, photometric="rgb", compression="jpeg")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].photometric.name == "YCBCR"
    assert np.abs(read_image(tmp_path / "a.tif").pages[0].astype(int) - page).max() <= 3


def test_thumbnails_are_left_out(tmp_path):
    page = samples("uint8", (16, 16))
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(page)
        writer.write(page[::2, ::2], subfiletype=1)
    image = read_image(tmp_path / "a.tif")
    assert len(image.pages) == 1
    np.testing.assert_array_equal(image.pages[0], page)


def test_content_decides_not_the_name(tmp_path):
    page = samples("uint16", (3, 4, 3))
    write_image(tmp_path / "a.png", ImageFile((page,)))
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").pages[0], page)


# Bad files

VOLUME = {"photometric": "minisblack", "volumetric": True, "tile": (2, 16, 16)}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda p: Image.new("CMYK", (8, 8)).save(p, "TIFF"), "SEPARATED; expected grey, RGB or a palette"),
        (lambda p: tifffile.imwrite(p, np.zeros((4, 4), np.int64)), "64-bit int64; expected"),
        (lambda p: tifffile.imwrite(p, np.zeros((4, 4, 5), np.uint8), photometric="rgb", planarconfig="contig"), "5 s"),
        (lambda p: tifffile.imwrite(p, np.zeros((2, 9, 9), np.uint8), **VOLUME), "volumes 2 deep"),
        (lambda p: p.write_bytes(b""), "it is no PNG, JPEG, TIFF"),
        (lambda p: p.write_bytes(b"GIF89a" + b"\0" * 99), "GIF frame"),
        (lambda p: p.write_bytes(b"II*\0"), ""),
        (lambda p: p.write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 99), ""),
        (lambda p: p.write_bytes(png(4, 4, 8, 0, [b"1234"])), "Not enough image data"),
        (lambda p: p.write_bytes(png(1, 1, 8, 0, [b"1"], chunk(b"acTL", b"\0" * 8))), "animated"),
    ],
)
def test_refused_files(tmp_path, made, message):
    path = tmp_path / "odd.bin"
    made(path)
    with pytest.raises(ValueError, match="cannot read") as caught:
        read_image(path)
    assert str(caught.value).startswith(f"cannot read {str(path)!r} as an image: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tolerant", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_cut_off_anywhere_is_refused(tmp_path, monkeypatch, caplog, capfd, suffix, tolerant):
    monkeypatch.setattr(PillowFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    page = samples("uint8", (40, 50, 3))
    write_image(tmp_path / f"a{suffix}", ImageFile((page,) if suffix != ".tif" else (page, page), exif=exif_block()))
    whole = (tmp_path / f"a{suffix}").read_bytes()
    for size in (4, 8, 20, 100, len(whole) // 4, len(whole) // 2, len(whole) - 40, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cannot read '.*cut' as an image: "):
            read_image(tmp_path / "cut")
    assert PillowFile.LOAD_TRUNCATED_IMAGES is tolerant
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))  # the error says it all


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_cut_off_tiff_with_its_directory_in_front(tmp_path, compression):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for _ in range(3):
            writer.write(samples("uint16", (50, 50)), compression=compression, contiguous=False)
    whole = (tmp_path / "a.tif").read_bytes()
    for part in range(1, 20):
        (tmp_path / "cut.tif").write_bytes(whole[: len(whole) * part // 20])
        with pytest.raises(ValueError, match="cannot read"):
            read_image(tmp_path / "cut.tif")


def test_tiff_cut_off_between_two_pages(tmp_path):
    pages = tuple(samples("uint8", (30, 30), seed) for seed in range(3))
    write_image(tmp_path / "a.tif", ImageFile(pages))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        offsets = [page.offset for page in tif.pages][1:]
    whole = (tmp_path / "a.tif").read_bytes()
    for offset in offsets:
        (tmp_path / "cut.tif").write_bytes(whole[:offset])
        with pytest.raises(ValueError, match="a page is missing"):
            read_image(tmp_path / "cut.tif")


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("number", [1, 3])
def test_tiff_whose_pages_form_a_circle_is_refused_at_once(tmp_path, bigtiff, number):
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=bigtiff) as writer:
        for _ in range(number):
            writer.write(samples("uint8", (4, 4)), metadata=None, contiguous=False)
    file.seek(0)
    with tifffile.TiffFile(file) as tif:
        layout, first, last = tif.tiff, tif.pages[0].offset, tif.pages[-1]
        end = last.offset + layout.tagnosize + len(last.tags) * layout.tagsize
    data = bytearray(file.getvalue())
    struct.pack_into(layout.offsetformat, data, end, first)
    (tmp_path / "a.tif").write_bytes(data)
    begin = time.monotonic()
    with pytest.raises(ValueError, match="circle"):
        read_image(tmp_path / "a.tif")
    assert time.monotonic() - begin < 5


def test_tiff_whose_width_is_two_numbers_is_damaged(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", samples("uint8", (4, 4)), metadata=None, byteorder="<")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = data.index(struct.pack("<H", 256), 8)
    data[at : at + 12] = struct.pack("<HHII", 256, 4, 2, 16)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ValueError, match="its sizes are"):
        read_image(tmp_path / "a.tif")
    assert large_tiff.open_large(tmp_path / "a.tif") is None


def test_tiff_with_many_pages_of_the_same_pixels_is_a_bomb(tmp_path, monkeypatch):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for _ in range(3):
            writer.write(np.zeros((100, 100), np.uint8), metadata=None, contiguous=False, compression="zlib")
    assert len(read_image(tmp_path / "a.tif", max_pixels=10_000).pages) == 3
    monkeypatch.setattr(tiff, "LARGEST_RATIO", 10)
    with pytest.raises(ValueError, match="30000 pixels together"):
        read_image(tmp_path / "a.tif", max_pixels=10_000)
    assert len(read_image(tmp_path / "a.tif", max_pixels=30_000).pages) == 3


def test_tiff_without_some_of_its_strips(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", samples("uint8", (30, 30)), compression="zlib", rowsperstrip=10)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tif:
        tif.pages[0].tags[279].overwrite([0, *tif.pages[0].databytecounts[1:]])
    with pytest.raises(ValueError, match="pixels are missing"):
        read_image(tmp_path / "a.tif")


def test_flipped_byte_in_png_is_refused(tmp_path):
    data = bytearray(encode_png(samples("uint8", (20, 20))))
    data[100] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ValueError, match="checksum of b'IDAT'"):
        read_image(tmp_path / "a.png")


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.png")
    with pytest.raises(IsADirectoryError):
        read_image(tmp_path)


# The limit on pixels


def claiming(kind, side, tmp_path):
    path = tmp_path / f"claim.{kind}"
    if kind == "png":
        path.write_bytes(png(side, side, 8, 2, [b"123"]))
    elif kind == "jpg":
        buffer = io.BytesIO()
        Image.new("L", (8, 8)).save(buffer, "JPEG")
        data = buffer.getvalue()
        at = data.index(b"\xff\xc0") + 5
        path.write_bytes(data[:at] + struct.pack(">HH", side, side) + data[at + 4 :])
    else:
        tifffile.imwrite(path, np.zeros((8, 8), np.uint8), metadata=None)
        with tifffile.TiffFile(path, mode="r+") as tif:
            tif.pages[0].tags[256].overwrite(side)
            tif.pages[0].tags[257].overwrite(side)
    return path


@pytest.mark.parametrize(("kind", "side"), [("png", 100_000), ("jpg", 65_000), ("tif", 65_000)])
def test_limit_is_checked_in_the_header(tmp_path, kind, side):
    path = claiming(kind, side, tmp_path)
    read_image(claiming(kind, 8, tmp_path) if kind != "png" else claiming(kind, 1, tmp_path))  # imports done
    path = claiming(kind, side, tmp_path)
    tracemalloc.start()
    before = time.perf_counter()
    try:
        with pytest.raises(ValueError, match=f"{side} x {side} pixels, more than max_pixels = {2**29}"):
            read_image(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - before < 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_limit_is_ours_alone(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    write_image(tmp_path / f"a{suffix}", ImageFile((samples("uint8", (10, 12)),)))
    assert read_image(tmp_path / f"a{suffix}", max_pixels=120).pages[0].shape == (10, 12)
    with pytest.raises(ValueError, match="12 x 10 pixels, more than max_pixels = 119"):
        read_image(tmp_path / f"a{suffix}", max_pixels=119)


def test_limit_is_for_each_page(tmp_path):
    image = ImageFile(tuple(samples("uint8", (10, 10)) for _ in range(3)))
    write_image(tmp_path / "a.tif", image)
    assert len(read_image(tmp_path / "a.tif", max_pixels=100).pages) == 3
    write_image(tmp_path / "a.tif", ImageFile((*image.pages, samples("uint8", (10, 11)))))
    with pytest.raises(ValueError, match="11 x 10"):
        read_image(tmp_path / "a.tif", max_pixels=100)


@pytest.mark.parametrize("limit", [0, 1.5, True])
def test_bad_limit(tmp_path, limit):
    with pytest.raises(ValueError, match=f"max_pixels is {limit}; expected a whole number, 1 or more"):
        read_image(tmp_path / "a.png", max_pixels=limit)


# What can't be written


GREY = np.zeros((4, 4), np.uint8)


@pytest.mark.parametrize(
    ("name", "image", "options", "error", "message"),
    [
        ("a.xcf", ImageFile((GREY,)), {}, ValueError, "'.xcf'.*expected .png, .jpg, .jpeg, .tif, .tiff"),
        ("a", ImageFile((GREY,)), {}, ValueError, "suffix ''"),
        ("a.jpg", ImageFile((GREY,), (GREY,)), {}, ValueError, "image has alpha, which JPEG can't hold; expected none"),
        ("a.jpg", ImageFile((GREY, GREY)), {}, ValueError, "number of pages is 2; expected 1 for JPEG"),
        ("a.png", ImageFile((GREY, GREY)), {}, ValueError, "number of pages is 2; expected 1 for PNG"),
        ("a.jpg", ImageFile((np.zeros((1, 65501), np.uint8),)), {}, ValueError, "at most 65500 a side for JPEG"),
        (
            "a.jpg",
            ImageFile((GREY,), exif=b"\0" * 70000),
            {},
            ValueError,
            "70000 bytes of EXIF; expected at most",
        ),
        ("a.png", ImageFile((GREY,)), {"quality": 0}, ValueError, "quality is 0; expected a whole number, 1 or more"),
        ("a.jpg", ImageFile((GREY,)), {"quality": 95.0}, ValueError, "quality is 95.0; expected a whole number"),
        (
            "a.jpg",
            ImageFile((GREY,)),
            {"quality": 101},
            ValueError,
            "quality is 101; expected a whole number from 1",
        ),
        ("a.png", GREY, {}, TypeError, "image is ndarray; expected an ImageFile"),
    ],
)
def test_refused_writes_leave_nothing(tmp_path, name, image, options, error, message):
    with pytest.raises(error, match=message):
        write_image(tmp_path / name, image, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_resolution_beyond_the_format_is_left_out(tmp_path, suffix):
    write_image(tmp_path / f"a{suffix}", ImageFile((GREY,), resolution=(4e9, 4e9, "cm")))
    assert read_image(tmp_path / f"a{suffix}").resolution is None


def test_encode_png_refuses_floats():
    with pytest.raises(ValueError, match="pixels has dtype float64; expected uint8 or uint16"):
        encode_png(np.zeros((2, 2)))


# Writing through a temporary file

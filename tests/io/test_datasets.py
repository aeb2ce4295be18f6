"""Sets of small images from folders, zips and arrays."""

import zipfile

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from pkn.io import datasets
from pkn.io.datasets import read_set, read_square


def pictures(number, size=(8, 8), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, *size, 3), np.uint8)


def write_folder(folder, images, names=None):
    folder.mkdir(exist_ok=True)
    for place, image in enumerate(images):
        Image.fromarray(image).save(folder / (names[place] if names else f"{place:03d}.png"))
    return folder


def as_zip(folder, path, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in folder.iterdir():
            archive.write(file, f"inside/{file.name}")
    return path


def test_folder_and_zip_hold_the_same(tmp_path):
    images = pictures(12)
    folder = write_folder(tmp_path / "images", images)
    (folder / "notes.txt").write_text("no image")
    for source in (folder, as_zip(folder, tmp_path / "images.zip")):
        read = read_set(source)
        np.testing.assert_array_equal(read.images, images)
        assert read.skipped == 0


def test_every_tenth_is_held_out(tmp_path):
    images = pictures(25)
    read = read_set(write_folder(tmp_path / "images", images))
    np.testing.assert_array_equal(read.held_out, images[[0, 10, 20]])
    np.testing.assert_array_equal(read.training, np.delete(images, [0, 10, 20], 0))


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n", b"not an image at all"])
def test_damaged_files_are_left_out_and_counted(tmp_path, damage):
    folder = write_folder(tmp_path / "images", pictures(3))
    (folder / "001.png").write_bytes(damage)
    for source in (folder, as_zip(folder, tmp_path / "images.zip")):
        read = read_set(source)
        assert (len(read.images), read.skipped) == (2, 1)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_with_flipped_bytes(tmp_path, compression):
    path = as_zip(write_folder(tmp_path / "images", pictures(3)), tmp_path / "images.zip", compression)
    content = bytearray(path.read_bytes())
    for place in range(80, 120):  # within the first file's content: its checksum, or its compression, no longer holds
        content[place] ^= 255
    path.write_bytes(content)
    assert (len(read_set(path).images), read_set(path).skipped) == (2, 1)


def test_a_document_named_as_an_image_is_left_out(tmp_path, monkeypatch):
    """Pillow would hand it to Ghostscript."""
    folder = write_folder(tmp_path / "images", pictures(2))
    Image.fromarray(pictures(1)[0]).save(tmp_path / "a.eps")
    (folder / "002.png").write_bytes((tmp_path / "a.eps").read_bytes())
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *arguments, **settings: pytest.fail("was run"))
    assert read_set(folder).skipped == 1


def test_large_entries_of_a_zip_are_left_out(tmp_path, monkeypatch):
    images = pictures(3)
    images[1] = 0  # whose file is the smallest
    path = as_zip(write_folder(tmp_path / "images", images), tmp_path / "images.zip")
    with zipfile.ZipFile(path) as archive:
        smallest = min(info.file_size for info in archive.infolist())
    monkeypatch.setattr(datasets, "LARGEST_ENTRY", smallest)
    assert read_set(path).skipped == 2


def test_several_sizes(tmp_path):
    folder = write_folder(tmp_path / "images", [pictures(1)[0], pictures(1, (8, 12))[0]])
    with pytest.raises(ValueError, match=r"several sizes: '001.png' has 8 x 12 pixels, those before it 8 x 8; exp"):
        read_set(folder)
    assert read_set(folder, size=4).images.shape == (2, 4, 4, 3)


def test_resizing_keeps_the_middle_and_the_mean(tmp_path):
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, 8:24] = 200
    read = read_set(write_folder(tmp_path / "images", [image]), size=4)
    assert (read.images == 200).all()


def test_grey(tmp_path):
    folder = write_folder(tmp_path / "images", pictures(2))
    assert read_set(folder, channels=1).images.shape == (2, 8, 8, 1)


def test_arrays(tmp_path):
    digits = np.random.default_rng(0).integers(0, 256, (5, 12, 12), np.uint8)
    np.savez(tmp_path / "digits.npz", train_images=digits)
    np.testing.assert_array_equal(read_set(tmp_path / "digits.npz", channels=1).images[..., 0], digits)
    colour = read_set(tmp_path / "digits.npz", channels=3, size=6).images
    assert colour.shape == (5, 6, 6, 3)
    np.testing.assert_array_equal(colour[..., 0], colour[..., 2])


def empty(folder):
    folder.mkdir()


@pytest.mark.parametrize(
    ("name", "make", "error", "message"),
    [
        ("missing", lambda path: None, FileNotFoundError, "missing"),
        ("empty", empty, ValueError, "is a set with no image that can be read; expected files"),
        (
            "text.zip",
            lambda path: path.write_text("x"),
            ValueError,
            "expected a folder, zip or npz file",
        ),
        ("other.npz", lambda path: np.savez(path, x=1), ValueError, "it has no array train_images"),
        ("cut.npz", lambda path: path.write_bytes(b"PK\3\4 cut off"), ValueError, "cannot read .* as an npz file"),
        (
            "wide.npz",
            lambda path: np.savez(path, train_images=np.zeros((2, 8, 12), np.uint8)),
            ValueError,
            r"\(8, 12\) pixels; expected squares",
        ),
        ("f.npz", lambda path: np.savez(path, train_images=np.ones((2, 4, 4))), ValueError, "is float64 of shape"),
        (
            "wide",
            lambda path: write_folder(path, pictures(2, (8, 12))),
            ValueError,
            r"\(8, 12\) pixels; expected squares",
        ),
    ],
)
def test_bad_input(tmp_path, name, make, error, message):
    make(tmp_path / name)
    with pytest.raises(error, match=message):
        read_set(tmp_path / name)


def test_a_square_is_the_middle_turned_as_exif_says(tmp_path):
    image = Image.fromarray(np.repeat(np.arange(60, dtype=np.uint8)[None] * 4, 20, 0))  # 20 rows, brighter to the right
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(tmp_path / "photo.png", exif=exif)
    square = read_square(tmp_path / "photo.png", 3, 10)
    assert square.shape == (10, 10, 3)
    assert (np.diff(square[:, 5, 0].astype(int)) > 0).all()
    assert np.ptp(square[5, 2:-2, 0]) <= 1
    (tmp_path / "text.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"cannot read '.*text.png' as a picture"):
        read_square(tmp_path / "text.png", 3, 10)

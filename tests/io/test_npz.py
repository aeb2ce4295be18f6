"""Arrays from npz files are checked before they are read."""

import io
import zipfile

import numpy as np
import pytest

from pkn.io.npz import read_npz


def member(shape, dtype="<f4", content=b""):
    """The bytes of an npy file with this header, and with any content."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def test_arrays_of_all_kinds_come_back(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.asfortranarray(np.ones((3, 4), ">u2")), "text": np.array("x")}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", **arrays)
        found = read_npz(tmp_path / "x.npz")
        assert found.keys() == arrays.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(found[name], values)
            assert found[name].dtype == values.dtype
    assert read_npz(tmp_path / "x.npz", ["a", "none"]).keys() == {"a"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read"),
        (b"not an array", "cannot read"),
        (member((2, 10**12)), "larger than its file"),
        (member((2**40, 2**40, 2**40)), "larger than its file"),
        (member((3,), "|O"), "Python objects"),
        (member((3,), content=b"12345678"), "cannot read"),
    ],
)
def test_damaged_members_are_refused(tmp_path, content, message):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / "x.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(10**6, np.uint8))
    assert (tmp_path / "x.npz").stat().st_size < 3000
    with pytest.raises(ValueError, match=r"its arrays have \d+ bytes, more than 100000"):
        read_npz(tmp_path / "x.npz", largest=10**5)
    assert read_npz(tmp_path / "x.npz", ["b"], largest=10**5) == {}


@pytest.mark.parametrize("flag", ["encrypted", "method"])
def test_what_zipfile_does_not_know_is_one_error(tmp_path, flag):
    np.savez(tmp_path / "x.npz", a=np.zeros(10))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    directory = data.index(b"PK\1\2")
    data[directory + (8 if flag == "encrypted" else 10)] = 1 if flag == "encrypted" else 77
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(ValueError, match="cannot read"):
        read_npz(tmp_path / "x.npz")

"""Arrays from npz files: sizes are checked before anything is decompressed, and nothing is ever unpickled."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

LARGEST = 2**31  # bytes of all arrays together; a megabyte can hold a gigabyte of zeros
DAMAGE = (  # what zipfile and NumPy raise for damaged, encrypted or unknown content
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    OverflowError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path, names: Sequence[str] | None = None, largest: int = LARGEST) -> dict[str, np.ndarray]:
    """Read arrays of an npz file.

    Parameters
    ----------
    path : Path
    names : sequence of str, optional
        Those that are wanted and there; all by default.
    largest : int
        The most bytes that the arrays may have together.

    Returns
    -------
    dict of arrays

    Raises
    ------
    ValueError
        If the file is damaged, encrypted, no npz file, holds objects, or is larger.
    OSError
        If it can't be opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "a.npz", x=np.arange(3), y=np.zeros(4))
    ...     read_npz(Path(folder) / "a.npz", ["x"])["x"].tolist()
    [0, 1, 2]
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                stored = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                wanted = {name: info for name, info in stored.items() if names is None or name in names}
                total = sum(info.file_size for info in wanted.values())
                if total > largest:
                    raise ValueError(f"its arrays have {total} bytes, more than {largest}")
                arrays = {}
                for name, info in wanted.items():
                    with archive.open(info) as member:
                        arrays[name] = read_member(member, info.file_size)
                return arrays
        except DAMAGE as error:
            raise ValueError(f"cannot read '{path}' as an npz file: {error or type(error).__name__}") from None


def read_member(member: IO[bytes], size: int) -> np.ndarray:
    """The array in a member of ``size`` bytes; its header is checked before memory is taken for it."""
    version = npy.read_magic(member)
    shape, _, dtype = _header(member, version)
    if dtype.hasobject:
        raise ValueError("it holds Python objects; expected plain arrays")
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > size:
        raise ValueError(f"an array of shape {shape} is larger than its file's {size} bytes")
    member.seek(0)
    return np.asarray(npy.read_array(member, allow_pickle=False))


def _header(member: IO[bytes], version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return npy.read_array_header_1_0(member) if version == (1, 0) else npy.read_array_header_2_0(member)

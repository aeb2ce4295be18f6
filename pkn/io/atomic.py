"""Writing files atomically: a failure leaves the old file, or none."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A context in which to write a temporary file, which is moved to ``path`` on success.

    Parameters
    ----------
    path : str or path
        The file to make or replace. Its folder must exist. A symbolic link is followed.

    Yields
    ------
    Path
        An empty file in the same folder with the same suffix, to be written and closed in the ``with`` block. If the
        block raises, the file is removed and ``path`` stays as it was.

    Raises
    ------
    IsADirectoryError
        If ``path`` is a directory.
    FileNotFoundError, NotADirectoryError
        If the folder of ``path`` doesn't exist or is a file.
    PermissionError
        If ``path`` or its folder can't be written.
    OSError
        If ``path`` is something else than a plain file (a device, a pipe).
    """
    target = writable_target(path)
    temporary = target.with_name(f".pkn-{secrets.token_hex(8)}{target.suffix}")
    _create(temporary, path)
    try:
        yield temporary
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        _sync(temporary)
        os.replace(temporary, target)
    except BaseException:  # KeyboardInterrupt too must not leave a temporary file
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A context in which to fill a temporary folder, which becomes ``path`` on success.

    Parameters
    ----------
    path : str or path
        The folder to make; nothing may be there yet.

    Yields
    ------
    Path
        An empty folder beside ``path`` with the same suffix. If the block raises, it is removed with all in it.

    Raises
    ------
    FileExistsError
        If there is something at ``path``.
    OSError
        If the folder can't be made.
    """
    target = Path(path)
    if os.path.lexists(target):
        raise FileExistsError(f"{str(target)!r} exists; expected a new name")
    temporary = target.with_name(f".pkn-{secrets.token_hex(8)}{target.suffix}")
    temporary.mkdir()
    try:
        yield temporary
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def writable_target(path: str | os.PathLike[str]) -> Path:
    """The file that is written for ``path``: itself, or what the symbolic link points to.

    Raises
    ------
    OSError
        As :func:`atomic_path`, if it can't be written or replaced.
    """
    target = Path(os.path.realpath(path))
    prefix = f"cannot write {os.fspath(path)!r}:"
    folder = target.parent
    if target.is_dir():
        raise IsADirectoryError(f"{prefix} it is a directory")
    if not folder.exists():
        raise FileNotFoundError(f"{prefix} the folder {str(folder)!r} does not exist")
    if not folder.is_dir():
        raise NotADirectoryError(f"{prefix} {str(folder)!r} is not a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"{prefix} it is not a plain file")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{prefix} the file is write-protected")
    return target


def _create(temporary: Path, path: str | os.PathLike[str]) -> None:
    # os.open rather than tempfile, so that the file has the usual permissions and not 0600.
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except PermissionError:
        message = f"cannot write {os.fspath(path)!r}: no permission to write in {str(temporary.parent)!r}"
        raise PermissionError(message) from None


def _sync(temporary: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())

"""Writing files so that a failure leaves nothing half-written."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a temporary file beside `path`, and move it onto `path` on success.

    Parameters
    ----------
    path
        The file to make or replace. Its folder must exist. A symbolic link is followed.

    Yields
    ------
    Path
        An empty file in the same folder with the same suffix, to be filled and closed in
        the ``with`` block. If the block raises, it is removed and `path` stays as it was.

    Raises
    ------
    IsADirectoryError
        `path` is a directory.
    FileNotFoundError, NotADirectoryError
        The folder of `path` doesn't exist or is a file.
    PermissionError
        `path` or its folder can't be written.
    OSError
        `path` is something else than a plain file (a device, a pipe).
    """
    target = Path(os.path.realpath(path))
    _check_target(target, path)
    temporary = target.with_name(f".pkn-{secrets.token_hex(8)}{target.suffix}")
    _create(temporary, path)
    try:
        yield temporary
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        _sync(temporary)
        os.replace(temporary, target)
    except BaseException:  # also an interrupted run must leave nothing behind
        temporary.unlink(missing_ok=True)
        raise


def _check_target(target: Path, path: str | os.PathLike[str]) -> None:
    said = f"cannot write {os.fspath(path)!r}:"
    folder = target.parent
    if target.is_dir():
        raise IsADirectoryError(f"{said} it is a directory")
    if not folder.exists():
        raise FileNotFoundError(f"{said} the folder {str(folder)!r} does not exist")
    if not folder.is_dir():
        raise NotADirectoryError(f"{said} {str(folder)!r} is not a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"{said} it is not a plain file")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{said} the file is write-protected")


def _create(temporary: Path, path: str | os.PathLike[str]) -> None:
    # os.open rather than tempfile: the file gets the usual permissions, not 0600.
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except PermissionError:
        message = f"cannot write {os.fspath(path)!r}: no permission to write in {str(temporary.parent)!r}"
        raise PermissionError(message) from None


def _sync(temporary: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())

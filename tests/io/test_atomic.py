"""Files are written whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pkn.io.atomic import atomic_path
from pkn.io.images import ImageFile, write_image

GREY = np.zeros((4, 4), np.uint8)


def test_target_is_kept_when_the_block_fails(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def interrupted():
        with atomic_path(target) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".txt"
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_target_is_replaced_with_its_permissions_kept(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "link.txt").symlink_to(target)
    with atomic_path(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert (tmp_path / "link.txt").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic_path(tmp_path / "new"):
        pass
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_impossible_targets(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for path, error, message in [
        (tmp_path / "folder.png", IsADirectoryError, "it is a directory"),
        (tmp_path / "none" / "a.png", FileNotFoundError, "the folder '.*none' does not exist"),
        (tmp_path / "file" / "a.png", NotADirectoryError, "is not a folder"),
    ]:
        with pytest.raises(error, match=f"^cannot write '.*': .*{message}"):
            write_image(path, ImageFile((GREY,)))
    with pytest.raises(OSError, match="not a plain file"), atomic_path(os.devnull):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_no_permission(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(errno.EACCES, "denied")

    (tmp_path / "old").write_text("old")
    with monkeypatch.context() as patch:  # root may do anything, so the refusal is played
        patch.setattr(os, "access", lambda *args: False)
        with pytest.raises(PermissionError, match="write-protected"), atomic_path(tmp_path / "old"):
            pass
        patch.setattr(os, "open", refuse)
        with pytest.raises(PermissionError, match="no permission to write in"), atomic_path(tmp_path / "new"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_full_disk_leaves_nothing(tmp_path, suffix):
    """A limit on file size stands in for a full disk: the write fails half-way."""
    target = tmp_path / f"a{suffix}"
    target.write_bytes(b"old")
    code = f"""
import resource, signal, numpy as np
from pkn.io.images import ImageFile, write_image
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
page = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    write_image({str(target)!r}, ImageFile((page,)))
except OSError as error:
    print("refused", error.errno)
"""
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=False, cwd=root, env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == f"refused {errno.EFBIG}", run.stderr
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"old"

"""What commands tell on the way: no bars in logs; which folders were found."""

import subprocess
import sys

import numpy as np
import zarr
from PIL import Image

from pkn.io.folders import folder_names, read_folder


def test_a_log_of_zarr_has_no_bars(tmp_path):
    stack = np.random.default_rng(0).integers(90, 110, (3, 40, 50)).astype(np.uint16)
    zarr.create_array(tmp_path / "in.zarr", data=stack, chunks=(1, 40, 50))
    command = [sys.executable, "-m", "pkn", "denoise", "in.zarr", "out.zarr", "--net", "bilateral"]
    ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 1
    assert "network bilateral" in ran.stdout
    assert "#" not in ran.stdout


def test_training_says_where_it_found_images(tmp_path, run):
    for name in ("a.png", "more/b.png", "more/deep/c.png", ".hidden/d.png", "more/node_modules/x/e.png", "._a.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)).save(path, "png")
    photos = tmp_path / "photos"
    assert len(read_folder(photos, 1)) == 3
    assert folder_names(photos) == "deep, more, photos"
    out = tmp_path / "net.safetensors"
    options = ("--steps", 1, "--size", 32, "--radius", 2, "--filter", "isotropic-gaussian")
    result = run("train", "--data", photos, "--out", out, *options)
    assert result.exit_code == 0
    assert f"{photos}: 3 image files, in . (1), more (1), more/deep (1)" in result.output

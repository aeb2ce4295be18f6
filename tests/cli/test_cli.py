"""The command line: files in, files out, exit codes that scripts can trust, nothing half-written."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from skimage import data
from sources import ROOT

import pkn
from pkn.cli import main
from pkn.io.images import ImageFile, read_image, write_image
from pkn.pretrained import bundled_names, weights_folder


@pytest.fixture
def colour(tmp_path):
    clean = data.astronaut()[:70, 200:290]
    noise = np.random.default_rng(0).normal(0, 20, clean.shape)
    pixels = np.clip(clean + noise, 0, 255).astype(np.uint8)
    path = tmp_path / "in.png"
    write_image(path, ImageFile((pixels,), profile=b"profile" * 20))
    return path


def test_denoise_equals_the_library(run, tmp_path, colour):
    result = run("denoise", colour, tmp_path / "out.png")
    assert result.exit_code == 0, result.output
    assert "out.png" in result.output
    out = read_image(tmp_path / "out.png")
    expected = pkn.denoise(read_image(colour).pages[0], channel_axis=-1, dtype="same")
    assert np.array_equal(out.pages[0], expected)
    assert out.profile == b"profile" * 20


def test_sixteen_bit_alpha_and_what_is_transparent(run, tmp_path):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    alpha = np.full((40, 50), 65535, np.uint16)
    alpha[:, :20] = 0
    write_image(tmp_path / "in.png", ImageFile((pixels,), (alpha,)))
    assert run("denoise", tmp_path / "in.png", tmp_path / "out.tif").exit_code == 0
    out = read_image(tmp_path / "out.tif")
    assert out.pages[0].dtype == np.uint16
    assert np.array_equal(out.alpha[0], alpha)
    assert np.array_equal(out.pages[0][:, :20], pixels[:, :20])
    assert not np.array_equal(out.pages[0][:, 20:], pixels[:, 20:])


def test_pages(run, tmp_path):
    pages = tuple(np.random.default_rng(n).random((30, 40), np.float32) for n in range(3))
    write_image(tmp_path / "in.tif", ImageFile(pages))
    assert run("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--maps", tmp_path / "maps").exit_code == 0
    out = read_image(tmp_path / "out.tif")
    assert all(np.array_equal(o, pkn.denoise(p)) for o, p in zip(out.pages, pages, strict=True))
    assert (tmp_path / "maps" / "page2" / "sigma_range_0.png").exists()


def test_maps_replay_what_denoise_wrote(run, tmp_path, colour):
    assert run("maps", colour, tmp_path / "maps").exit_code == 0
    maps = pkn.ParameterMaps.load(tmp_path / "maps" / "maps.npz")
    assert run("denoise", colour, tmp_path / "out.png").exit_code == 0
    replayed = maps.apply(read_image(colour).pages[0], dtype="same")
    assert np.array_equal(replayed, read_image(tmp_path / "out.png").pages[0])


def test_strength_0_and_report(run, tmp_path, colour):
    result = run("denoise", colour, tmp_path / "out.png", "--strength", 0, "--report", tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    assert np.array_equal(read_image(tmp_path / "out.png").pages[0], read_image(colour).pages[0])
    page = (tmp_path / "report.html").read_text()
    assert "sigma_range" in page
    assert page.count("its own weight 1.000") == 2 * page.count('aria-pressed="false"') > 16  # luma and chroma
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize("command", ["sample", "sample-cold", "wavelet-sample", "wavelet-super-resolve"])
@pytest.mark.parametrize(("name", "message"), [("x.xyz", "with the suffix"), ("no/x.png", "does not exist")])
def test_names_are_checked_before_any_work(run, tmp_path, colour, command, name, message):
    first = {"sample": "cats", "sample-cold": "mnist-blur", "wavelet-super-resolve": colour}
    result = run(command, *([first[command]] if command in first else []), tmp_path / name)
    assert message in result.output
    assert result.exit_code == 1


def test_nets_are_listed(run):
    result = run("nets")
    assert result.exit_code == 0
    assert "bilateral" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("denoise", "IN", "OUT", "--net", "bilatral"), "did you mean 'bilateral'"),
        (("denoise", "IN", "OUT", "--strength", "-1"), "strength is -1"),
        (("denoise", "IN", "OUT", "--strength", "nan"), "strength is nan"),
        (("denoise", "IN", "OUT", "--max-pixels", "100"), "100"),
        (("denoise", "IN", "FOLDER/no/out.png"), "no"),
        (("denoise", "IN", "FOLDER/out.xyz"), "xyz"),
        (("denoise", "BROKEN", "OUT"), "cannot read"),
        (("denoise", "TEXT", "OUT"), "cannot read"),
        (("denoise", "IN", "OUT", "--net", "TEXT.safetensors"), "TEXT.safetensors"),
        (("train", "--data", "EMPTY", "--out", "FOLDER/net.safetensors", "--steps", "1"), "no image"),
        (("train", "--data", "EMPTY", "--out", "FOLDER/net.pt", "--steps", "1"), "safetensors"),
        (("train", "--filter", "sharpen", "--data", "EMPTY", "--out", "FOLDER/n.safetensors"), "expected one of"),
    ],
)
def test_errors_are_one_line_with_exit_code_1_and_leave_nothing(run, tmp_path, colour, arguments, message):
    broken, text, empty = tmp_path / "broken.png", tmp_path / "text.png", tmp_path / "empty"
    broken.write_bytes(colour.read_bytes()[:2000])
    text.write_text("not an image")
    empty.mkdir()
    before = sorted(tmp_path.rglob("*"))
    places = {"IN": colour, "OUT": tmp_path / "out.png", "BROKEN": broken, "TEXT": text, "EMPTY": empty}
    named = [places.get(a, a.replace("FOLDER", str(tmp_path))) for a in arguments]
    result = run(*named)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.output.startswith("Error: ")
    assert message in result.output
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_an_error(run, tmp_path, colour, monkeypatch):
    from pathlib import Path

    def full(self, *_, **__):
        with open("/dev/full", "wb", buffering=0) as device:
            device.write(b"x")

    monkeypatch.setattr(Path, "write_text", full)
    result = run("denoise", colour, tmp_path / "out.png", "--report", tmp_path / "report.html")
    assert result.exit_code == 1
    assert "No space left" in result.output
    assert not list(tmp_path.glob("*report*"))


def test_the_command_is_installed(tmp_path, colour):
    command = os.path.join(os.path.dirname(sys.executable), "pkn")
    subprocess.run([command, "denoise", colour, tmp_path / "out.jpg"], check=True, capture_output=True)
    assert read_image(tmp_path / "out.jpg").pages[0].shape == (70, 90, 3)


def test_help_has_all_commands_in_two_groups_and_whole_lines(run):
    text = run("--help").output
    images, research = text.split("Images:")[1].split("Research:")
    assert "denoise" in images
    assert "train-sampler" in research
    assert "..." not in images + research
    assert all(f"\n  {name} " in text for name in main.list_commands(None))


def test_python_m_pkn_is_the_command():
    done = subprocess.run([sys.executable, "-m", "pkn", "--version"], capture_output=True, text=True)
    assert done.stdout == f"pkn, version {pkn.__version__}\n"


def test_all_bundled_models_are_listed(run):
    text = run("nets").output
    bundled = [path.stem for kind in ("samplers", "cold") for path in (weights_folder() / kind).glob("*.safetensors")]
    assert len(bundled) >= 4
    assert all(f" {name} " in text for name in [*bundled, *bundled_names()])


def test_names_without_a_suffix_are_kept(run, tmp_path, colour):
    assert run("estimate-noise", colour, "--save", tmp_path / "a", "--plot", tmp_path / "b").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "in.png"]
    assert (tmp_path / "b").read_bytes().startswith(b"\x89PNG")


def test_no_message_advises_another_project(run):
    """The index's `pkn` isn't this library."""
    for path in [*(ROOT / "pkn").rglob("*.py"), ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        assert not re.search(r"pip install ['\"]?pkn\b", path.read_text()), path


@pytest.mark.parametrize(("dtype", "words"), [("uint8", "/255"), ("uint16", "/65535"), ("float32", "")])
def test_the_noise_level_is_told_in_the_values_of_the_file(run, tmp_path, dtype, words):
    """15 of them, whatever they are; as a fraction of 65535 it was 0.1 of 255. Sharpening tells what is left of it."""
    noisy = np.random.default_rng(0).normal(np.linspace(60, 180, 128), 15, (96, 128))
    tifffile.imwrite(tmp_path / "in.tif", noisy.round().astype(dtype))
    for command in ("denoise", "deconvolve"):
        result = run(command, tmp_path / "in.tif", tmp_path / f"{command}.tif", "--report", tmp_path / "report.html")
        assert result.exit_code == 0, result.output
        found = re.search(r"noise level ([\d.]+)(/\d+)?", result.output)
        assert (found[2] or "") == words
        assert (12 if command == "denoise" else 1) < float(found[1]) < 18


def test_a_kernel_in_a_file_is_undone(run, tmp_path, colour):
    kernel = np.eye(7, dtype=np.uint8) * 30
    write_image(tmp_path / "kernel.png", ImageFile((kernel,)))
    np.save(tmp_path / "kernel.npy", kernel / kernel.sum())
    wanted = pkn.deconvolve(read_image(colour).pages[0], blur=kernel, channel_axis=-1, dtype="same")
    for name in ("kernel.png", "kernel.npy"):
        result = run("deconvolve", colour, tmp_path / "out.png", "--blur", tmp_path / name, "--overwrite")
        assert result.exit_code == 0, result.output
        np.testing.assert_array_equal(read_image(tmp_path / "out.png").pages[0], wanted)
    result = run(
        "deconvolve", colour, tmp_path / "out2.png", "--blur", 1, "--method", "wiener", "--maps", tmp_path / "m"
    )
    assert "--maps or --report was given; expected neither" in result.output
    result = run("deconvolve", colour, tmp_path / "out2.png", "--blur", colour)
    assert "is a picture in colour; expected a grey one as a kernel" in result.output

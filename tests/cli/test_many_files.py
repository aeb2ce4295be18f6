"""Many files and folders in one command, standard input and output, and nothing overwritten unasked."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import pkn
from pkn.cli import _many_files, main
from pkn.io.images import ImageFile, read_image, write_image

OPTIONS = ("--net", "isotropic-gaussian")


def picture(seed=0, shape=(24, 30)):
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Three images, one of them in a folder within, and a file that is none."""
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.tif", "sub/c.png")):
        write_image(inside / name, ImageFile((picture(number),)))
    (inside / "notes.txt").write_text("no image")
    return inside


def names(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def test_a_folder_becomes_a_folder(run, tmp_path, folder):
    out = tmp_path / "out"
    result = run("denoise", folder, out, *OPTIONS)
    assert result.exit_code == 0, result.output
    assert names(out) == ["a.png", "b.tif"]
    assert "2 of 2 files done" in result.output
    wanted = pkn.denoise(picture(0), OPTIONS[1], dtype="same")
    np.testing.assert_array_equal(read_image(out / "a.png").pages[0], wanted)
    assert run("denoise", folder, tmp_path / "all", "--recursive", "--suffix", "_clean.tif", *OPTIONS).exit_code == 0
    assert names(tmp_path / "all") == ["a_clean.tif", "b_clean.tif", "sub/c_clean.tif"]


def test_results_within_the_folder_are_not_taken_for_images(run, folder):
    for _ in range(2):
        options = ("--recursive", "--overwrite", *OPTIONS)
        assert run("denoise", folder, folder / "clean", *options).exit_code == 0
    assert names(folder / "clean") == ["a.png", "b.tif", "sub/c.png"]


@pytest.mark.parametrize(("suffix", "wanted"), [(".png", "b.png"), ("_x", "b_x.tif"), ("-x.png", "b-x.png")])
def test_suffixes(run, tmp_path, folder, suffix, wanted):
    assert run("denoise", folder / "b.tif", f"{tmp_path}/out/", "--suffix", suffix, *OPTIONS).exit_code == 0
    assert names(tmp_path / "out") == [wanted]


def test_one_bad_file_does_not_stop_the_others(run, tmp_path, folder):
    (folder / "aa.png").write_bytes(b"damaged")
    result = run("denoise", folder / "aa.png", folder / "a.png", folder / "b.tif", tmp_path / "out", *OPTIONS)
    assert result.exit_code == 1
    assert "1 of 3 files failed" in result.output
    assert "cannot read" in result.output
    assert names(tmp_path / "out") == ["a.png", "b.tif"]


def test_nothing_is_overwritten_unasked(run, tmp_path, folder):
    image, out = folder / "a.png", tmp_path / "out.png"
    before = image.read_bytes()
    result = run("denoise", image, image, *OPTIONS)
    assert result.exit_code == 1
    assert "(the input) exists" in result.output
    out.write_text("mine")
    assert "expected a new name, --overwrite or --skip-existing" in run("denoise", image, out, *OPTIONS).output
    assert run("denoise", image, out, "--skip-existing", *OPTIONS).exit_code == 0
    assert (out.read_text(), image.read_bytes()) == ("mine", before)
    assert run("denoise", image, out, "--overwrite", *OPTIONS).exit_code == 0
    assert run("denoise", image, image, "--overwrite", *OPTIONS).exit_code == 0
    assert image.read_bytes() == out.read_bytes() != before


def test_only_what_is_missing_is_done(run, tmp_path, folder):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("done")
    assert "exists" in run("denoise", folder, tmp_path / "out", *OPTIONS).output
    assert run("denoise", folder, tmp_path / "out", "--skip-existing", *OPTIONS).exit_code == 0
    assert (tmp_path / "out" / "a.png").read_text() == "done"
    assert names(tmp_path / "out") == ["a.png", "b.tif"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("IN/a.png", "IN/sub/a.jpg", "OUT/", "--suffix", ".png"), "would both become"),
        (("IN/notes.txt", "OUT/"), "with the suffix '.txt'"),
        (("IN", "OUT", "--suffix", ".xyz"), "with the suffix '.xyz'"),
        (("IN/empty", "OUT"), "holds no image files"),
        (("IN/a.png", "IN/b.tif", "OUT", "--report", "OUT.html"), "expected it with one"),
        (("IN/a.png", "OUT/no/a.png"), "does not exist"),
        (("-", "IN/a.png", "OUT"), "expected one file"),
    ],
)
def test_what_can_not_work_is_said_at_once(run, tmp_path, folder, monkeypatch, arguments, message):
    (folder / "empty").mkdir()
    write_image(folder / "sub" / "a.jpg", ImageFile((picture(),)))
    before = names(tmp_path)
    monkeypatch.setattr(_many_files, "_run", lambda *_: pytest.fail("work was begun"))
    words = [word.replace("IN", str(folder)).replace("OUT", str(tmp_path / "out")) for word in arguments]
    result = run("denoise", *words)
    assert result.exit_code == 1
    assert message in result.output
    assert names(tmp_path) == before


def test_standard_input_and_output(tmp_path, folder):
    content = (folder / "a.png").read_bytes()
    for arguments in (["-", "-"], [str(folder / "a.png"), "-"], ["-", str(tmp_path / "out.png")]):
        result = CliRunner().invoke(main, ["denoise", *arguments, *OPTIONS], input=content)
        assert result.exit_code == 0, result.output
        if arguments[1] == "-":
            assert "-: 0.00 MP" in result.stderr
            (tmp_path / "out.png").write_bytes(result.stdout_bytes)
        wanted = pkn.denoise(picture(0), OPTIONS[1], dtype="same")
        np.testing.assert_array_equal(read_image(tmp_path / "out.png").pages[0], wanted)
        (tmp_path / "out.png").unlink()
    result = CliRunner().invoke(main, ["denoise", "-", "-", "--suffix", ".tif", *OPTIONS], input=content)
    assert result.stdout_bytes[:2] in (b"II", b"MM")
    assert "cannot read" in CliRunner().invoke(main, ["denoise", "-", "-"], input=b"nothing").stderr


def test_an_interrupted_command_leaves_whole_files(tmp_path, folder):
    program = (
        "import pkn.cli._many_files as m, pkn.restoration.denoising as d, sys\n"
        "from pkn.cli import main\n"
        "whole, calls = d.denoise, []\n"
        "def stopped(*arguments, **settings):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 2:\n"
        "        raise KeyboardInterrupt\n"
        "    return whole(*arguments, **settings)\n"
        "d.denoise = stopped\n"
        "main(sys.argv[1:])\n"
    )
    arguments = ["denoise", str(folder), str(tmp_path / "out"), *OPTIONS]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert "1 of 2 files done" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(tmp_path / "out") == ["a.png"]

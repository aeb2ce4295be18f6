"""Videos on the command line."""

import subprocess
import sys

import clips
import numpy as np
import pytest

from pkn.cli import _videos
from pkn.io.images import ImageFile, write_image
from pkn.restoration.videos import denoise_video

NET = "isotropic-gaussian"


@pytest.fixture
def clip(tmp_path):
    clips.write_clip(tmp_path / "clip.mp4", clips.pictures(6), audio="aac")
    return tmp_path / "clip.mp4"


def test_a_clip(run, tmp_path, clip):
    result = run("denoise", clip, tmp_path / "out.mkv", "--net", NET, "--strength", 0.5, "--crf", 12, "--causal")
    assert result.exit_code == 0, result.output
    assert "6 frames in" in result.output
    assert "frames/s, network isotropic-gaussian" in result.output
    denoise_video(clip, tmp_path / "same.mkv", NET, strength=0.5, crf=12, causal=True)
    assert clips.packets(tmp_path / "out.mkv", "video") == clips.packets(tmp_path / "same.mkv", "video")


def test_the_bar_shows_frames_a_second(run, tmp_path, clip, monkeypatch):
    shown = []

    class Bar:
        def __init__(self, what):
            assert what == "frames"

        def __enter__(self):
            return lambda done, total, info: shown.append((done, total, info["what"]))

        def __exit__(self, *failure):
            return None

    monkeypatch.setattr(_videos, "progress_bar", Bar)
    assert run("denoise", clip, tmp_path / "out.mp4", "--net", NET).exit_code == 0
    assert [(done, total) for done, total, _ in shown] == [(k, 6) for k in range(1, 7)]
    assert all(text.endswith(" frames/s") for _, _, text in shown)


def test_a_log_has_one_line(tmp_path, clip):
    command = [sys.executable, "-m", "pkn", "denoise", "clip.mp4", "out.mkv", "--net", NET, "--lossless"]
    ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert ran.stdout.splitlines()[0].startswith("out.mkv: 6 frames in")
    assert len(ran.stdout.splitlines()) == 1
    assert "shape of pixels, 4/3" in ran.stderr
    assert "x264" not in ran.stderr


def test_folders_take_videos_too(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    clips.write_clip(folder / "a.mp4", clips.pictures(3))
    clips.write_clip(folder / "b.avi", clips.pictures(3), codec="mpeg4", aspect=1, tags=(0, 2, 2, 2))
    write_image(folder / "c.png", ImageFile((np.zeros((24, 30), np.uint8),)))
    result = run("denoise", folder, tmp_path / "out", "--net", NET)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "b.mkv", "c.png"]
    assert "3 of 3 files done" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clip.mp4", "out.mp4", "--maps", "maps"), "--maps, --report or --receipt was given with a video"),
        (("clip.mp4", "out.mp4", "--report", "page.html"), "was given with a video; expected them with images"),
        (("clip.mp4", "out.mp4", "--receipt", "r.json"), "was given with a video; expected them with images"),
        (("clip.mp4", "out.avi"), "expected .mp4, .m4v, .mov, .mkv, .webm for a video"),
        (("clip.mp4", "out.png"), "expected .mp4, .m4v, .mov, .mkv, .webm for a video"),
        (("clip.mp4", "out.mp4", "--lossless"), "expected it with .mkv"),
        (("clip.mp4", "out.webm", "--crf", "64"), "crf is 64; expected 0 (best) to 63 for .webm"),
        (("a.png", "out.png", "--crf", "20"), "--crf was given with 'a.png'; expected it with videos"),
        (("a.png", "out.png", "--causal"), "--causal was given with 'a.png'; expected it with videos"),
        (("clip.mp4", "out.mp4", "--max-pixels", "100"), "more than max_pixels = 100"),
    ],
)
def test_what_can_not_work_is_one_error(run, tmp_path, clip, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_image("a.png", ImageFile((np.zeros((24, 30), np.uint8),)))
    result = run("denoise", *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "clip.mp4"]


def test_without_pyav(run, tmp_path, clip, monkeypatch):
    monkeypatch.setattr("pkn.cli._shared.find_spec", lambda name: None)
    result = run("denoise", clip, tmp_path / "out.mp4")
    assert result.exit_code == 1
    assert "pip install 'procedural-kernels[video]'" in result.output
    assert not (tmp_path / "out.mp4").exists()

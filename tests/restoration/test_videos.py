"""Videos denoised from file to file."""

import weakref
from collections import deque
from fractions import Fraction

import clips
import numpy as np
import pytest

import pkn
from pkn.io.video import open_video
from pkn.restoration import videos
from pkn.restoration.videos import denoise_video

NET = "isotropic-gaussian"


def pixels_of(path):
    with open_video(path) as video:
        return [pixels for pixels, _ in video.frames()]


@pytest.mark.parametrize(
    ("settings", "grey"),
    [
        ({"pix_fmt": "yuv420p"}, False),
        ({"pix_fmt": "yuv420p10le"}, False),
        ({"codec": "ffv1", "pix_fmt": "gray", "tags": (2, 2, 2, 2)}, True),
        ({"codec": "ffv1", "pix_fmt": "gray16le", "tags": (2, 2, 2, 2)}, True),
    ],
    ids=lambda value: value.get("pix_fmt") if isinstance(value, dict) else "",
)
def test_a_lossless_result_is_exactly_the_denoised_frames(tmp_path, settings, grey):
    bits = 16 if "1" in settings["pix_fmt"][4:] else 8
    clips.write_clip(tmp_path / "a.mkv", clips.pictures(4, grey=grey, bits=bits), aspect=1, audio="aac", **settings)
    assert denoise_video(tmp_path / "a.mkv", tmp_path / "b.mkv", NET, strength=0.7, lossless=True) == 4
    source, results = pixels_of(tmp_path / "a.mkv"), pixels_of(tmp_path / "b.mkv")
    channel_axis = None if grey else -1
    expected = pkn.denoise(np.stack(source), NET, strength=0.7, time_axis=0, channel_axis=channel_axis, dtype="same")
    assert results[0].dtype == expected.dtype
    np.testing.assert_array_equal(np.stack(results), expected)
    assert clips.packets(tmp_path / "b.mkv", "audio") == clips.packets(tmp_path / "a.mkv", "audio")


def test_noise_goes_and_times_and_sound_stay(tmp_path):
    pts = [0, 700, 1100, 1101, 4000, 4600, 9000]
    settings = {"audio": "aac", "rotation": -90, "options": {"crf": "5"}}
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(7), pts=pts, **settings)
    told = []
    denoise_video(tmp_path / "a.mp4", tmp_path / "b.mp4", callback=lambda *what: told.append(what))
    assert clips.times(tmp_path / "b.mp4") == [Fraction(time, 12800) for time in pts]
    assert clips.packets(tmp_path / "b.mp4", "audio") == clips.packets(tmp_path / "a.mp4", "audio")
    assert clips.first_frame(tmp_path / "b.mp4")[0].rotation == -90
    before, after = (
        np.mean([np.diff(pixels.astype(float), axis=0).std() for pixels in pixels_of(tmp_path / name)])
        for name in ("a.mp4", "b.mp4")
    )
    assert after < 0.4 * before
    assert [(done, total) for done, total, _ in told] == [(k, 7) for k in range(1, 8)]
    assert all(info["frames_per_second"] > 0 for _, _, info in told)


def test_frames_of_a_stream_that_looks_ahead_get_their_own_times_in_little_memory(tmp_path, monkeypatch):
    """A stand-in that waits for two later frames, as one with windows through time does."""
    seen, alive, held = [], [], deque()

    def waiting(frames, net, **settings):
        for frame in frames:
            seen.append(weakref.ref(frame))
            alive.append(sum(reference() is not None for reference in seen))
            held.append(frame)
            if len(held) == 3:
                yield held.popleft()
        yield from held

    monkeypatch.setattr(videos, "stream", waiting)
    pts = [int(time) for time in np.cumsum(np.random.default_rng(0).integers(1, 90, 60))]
    frames = list(clips.pictures(60, grey=True))
    settings = {"codec": "ffv1", "pix_fmt": "gray", "tags": (2, 2, 2, 2), "time_base": Fraction(1, 1000)}
    clips.write_clip(tmp_path / "a.mkv", frames, pts=pts, aspect=1, **settings)
    assert denoise_video(tmp_path / "a.mkv", tmp_path / "b.mkv", lossless=True) == 60
    assert clips.times(tmp_path / "b.mkv") == [Fraction(time, 1000) for time in pts]
    for result, frame in zip(pixels_of(tmp_path / "b.mkv"), frames, strict=True):
        np.testing.assert_array_equal(result, frame)
    assert 3 <= max(alive) <= 5


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_an_interrupted_run_leaves_nothing(tmp_path, failure):
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(5), audio="aac")

    def stop(done, total, info):
        if done == 3:
            raise failure("stop")

    with pytest.raises(failure, match="stop"):
        denoise_video(tmp_path / "a.mp4", tmp_path / "b.mp4", NET, callback=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_errors_come_before_the_work_and_leave_nothing(tmp_path):
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(2))
    with pytest.raises(ValueError, match=r"expected \.mp4"):
        denoise_video(tmp_path / "a.mp4", tmp_path / "b.png", NET)
    with pytest.raises(ValueError, match="strength is -1"):
        denoise_video(tmp_path / "a.mp4", tmp_path / "b.mp4", NET, strength=-1)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        denoise_video(tmp_path / "a.mp4", tmp_path / "none" / "b.mp4", NET)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]

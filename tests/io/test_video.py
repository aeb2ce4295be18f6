"""Videos: frames and times as they stand in files, and files made like others."""

import warnings
from fractions import Fraction

import av
import clips
import numpy as np
import pytest

from pkn.io.images import ImageFile, write_image
from pkn.io.video import open_video
from pkn.io.video_colour import Colour, PixelFormat, to_array, to_frame
from pkn.io.video_writer import choose_encoder, create_video

VARIABLE = [1000, 1040, 1043, 1100, 1333, 1400, 1500]  # ms


def copy(source, target, **settings):
    """A video made like another with the same frames."""
    with open_video(source) as video, create_video(target, video, **settings) as result:
        for pixels, stamp in video.frames(result.pass_on):
            result.write(pixels, stamp)


def read(path):
    with open_video(path) as video:
        return list(video.frames())


@pytest.mark.parametrize(
    ("pix_fmt", "grey", "bits"),
    [("gray", True, 8), ("gray16le", True, 16), ("bgr0", False, 8), ("gbrp16le", False, 16)],
)
def test_frames_are_what_was_written(tmp_path, pix_fmt, grey, bits):
    frames = list(clips.pictures(4, (33, 47), grey, bits))
    tags = (2, 2, 2, 2) if grey else (2, 0, 1, 1)
    clips.write_clip(tmp_path / "a.mkv", frames, codec="ffv1", pix_fmt=pix_fmt, tags=tags)
    found = read(tmp_path / "a.mkv")
    assert [stamp.pts for _, stamp in found] == [0, 40, 80, 120]
    for (pixels, _), expected in zip(found, frames, strict=True):
        assert pixels.dtype == expected.dtype
        np.testing.assert_array_equal(pixels, expected)


def ycbcr_frame(y, cb, cr, pix_fmt, dtype):
    frame = av.VideoFrame(y.shape[1], y.shape[0], pix_fmt)
    for plane, values in zip(frame.planes, (y, cb, cr), strict=True):
        rows = np.zeros((plane.height, plane.line_size // np.dtype(dtype).itemsize), dtype)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())
    return frame


@pytest.mark.parametrize(
    ("matrix", "kr", "kb"), [(1, 0.2126, 0.0722), (2, 0.299, 0.114), (6, 0.299, 0.114), (9, 0.2627, 0.0593)]
)
@pytest.mark.parametrize("span", [0, 1, 2])
@pytest.mark.parametrize(("pix_fmt", "bits"), [("yuv444p", 8), ("yuv420p10le", 10)])
def test_colours_are_those_of_bt601_709_and_2020(matrix, kr, kb, span, pix_fmt, bits):
    unit = 2 ** (bits - 8)
    columns = np.linspace(0, 1, 64)
    y = np.round((70 + 100 * columns) * unit) * np.ones((48, 1))
    cb, cr = (np.round((128 + slope * (columns - 0.5)) * unit) * np.ones((48, 1)) for slope in (40, -30))
    step = 2 if "420" in pix_fmt else 1
    parts = (y, cb[::step, ::step], cr[::step, ::step])
    frame = ycbcr_frame(*parts, pix_fmt, np.uint8 if bits == 8 else np.uint16)
    frame.colorspace, frame.color_range = matrix, span
    full, top = span == 2, 2**bits - 1
    luma = y / top if full else (y / unit - 16) / 219
    blue, red = ((c - 128 * unit) / (top if full else 224 * unit) for c in (cb, cr))
    expected = np.stack([luma + 2 * (1 - kr) * red, np.zeros_like(luma), luma + 2 * (1 - kb) * blue], -1)
    expected[..., 1] = (luma - kr * expected[..., 0] - kb * expected[..., 2]) / (1 - kr - kb)
    pixels = to_array(frame, PixelFormat.of(frame.format))
    assert np.abs(pixels / np.iinfo(pixels.dtype).max - expected).max() < 0.012
    assert np.abs(pixels / np.iinfo(pixels.dtype).max - expected).mean() < 0.004
    pixel_format = PixelFormat.of(frame.format)
    again = to_frame(pixels, pixel_format, Colour.of(frame), pixel_format.array_format)
    assert (again.color_range, again.colorspace) == (span, matrix)
    assert np.abs(to_array(again, pixel_format).astype(float) - pixels).mean() < 0.005 * np.iinfo(pixels.dtype).max


def test_jpegs_full_range_is_a_tag():
    frame = av.VideoFrame(16, 16, "yuvj420p")
    assert PixelFormat.of(frame.format).name == "yuv420p"
    assert Colour.of(frame).span == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_a_file_made_like_another(tmp_path, suffix):
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(12), audio="aac", rotation=90)
    target = tmp_path / f"b{suffix}"
    copy(tmp_path / "a.mp4", target)
    assert clips.times(target) == clips.times(tmp_path / "a.mp4") == [Fraction(k, 25) for k in range(12)]
    assert clips.packets(target, "audio") == clips.packets(tmp_path / "a.mp4", "audio")
    frame, metadata, chapters, (aspect, language) = clips.first_frame(target)
    assert frame.format.name == "yuv420p"
    assert (frame.rotation, metadata["title"], aspect) == (90, "a title", Fraction(4, 3))
    assert (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc) == clips.BT709
    assert chapters == [(0, {"title": "one"}), (Fraction(1, 5), {"title": "two"})]
    assert language == (None if suffix == ".mov" else "deu")  # QuickTime has languages of its own
    with open_video(tmp_path / "a.mp4") as video, open_video(target) as result:
        assert result.properties == video.properties
        assert video.properties.frames == 12


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".webm"])
def test_uneven_times_are_kept(tmp_path, suffix):
    source = tmp_path / "a.mkv"
    clips.write_clip(source, clips.pictures(7), pts=VARIABLE, time_base=Fraction(1, 1000), aspect=1)
    copy(source, tmp_path / f"b{suffix}")
    assert clips.times(tmp_path / f"b{suffix}") == [Fraction(time, 1000) for time in VARIABLE]


def test_uneven_times_of_mp4_are_kept_from_any_start(tmp_path):
    steps = np.random.default_rng(0).integers(200, 3000, 40)
    pts = [1000 + int(time) for time in np.cumsum(steps)]
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(40), pts=pts)
    copy(tmp_path / "a.mp4", tmp_path / "b.mp4")
    assert clips.times(tmp_path / "b.mp4") == clips.times(tmp_path / "a.mp4")


def test_times_below_zero_shift_all_alike_in_matroska(tmp_path):
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(12), audio="aac")  # whose first packet is before time 0
    copy(tmp_path / "a.mp4", tmp_path / "b.mkv")
    sound, when = clips.packets(tmp_path / "a.mp4", "audio")
    copied, shifted = clips.packets(tmp_path / "b.mkv", "audio")
    assert copied == sound
    shift = clips.times(tmp_path / "b.mkv")[0]
    assert clips.times(tmp_path / "b.mkv") == [time + shift for time in clips.times(tmp_path / "a.mp4")]
    assert max(abs(b - a - shift) for a, b in zip(when, shifted, strict=True)) <= Fraction(1, 1000)


def test_subtitles_fonts_and_data_go_where_they_can(tmp_path):
    source = tmp_path / "a.mkv"
    clips.write_clip(source, clips.pictures(12), audio="pcm_s16le", subtitles=True, attachment=b"a font")
    copy(source, tmp_path / "b.mkv")
    for kind in ("audio", "subtitle"):
        assert clips.packets(tmp_path / "b.mkv", kind) == clips.packets(source, kind)
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert [(each.type, each.name) for each in file.streams if each.type == "attachment"] == [
            ("attachment", "font.ttf")
        ]
        assert next(each for each in file.streams if each.type == "attachment").data == b"a font"
    with pytest.warns(
        UserWarning, match=r"mp4 can't hold the video's subtitle \(srt\), attachment \(font.ttf\): left out"
    ):
        copy(source, tmp_path / "b.mp4")
    assert clips.packets(tmp_path / "b.mp4", "audio")[0] == clips.packets(source, "audio")[0]


def test_covers_stay_in_mp4(tmp_path):
    write_image(tmp_path / "cover.jpg", ImageFile((np.full((16, 16, 3), 90, np.uint8),)))
    picture = (tmp_path / "cover.jpg").read_bytes()
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(4))
    clips.write_with_cover(tmp_path / "covered.mp4", tmp_path / "a.mp4", picture)
    copy(tmp_path / "covered.mp4", tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert file.streams[1].disposition == av.stream.Disposition.attached_pic
        assert [bytes(packet) for packet in file.demux(file.streams[1]) if packet.size] == [picture]
    with pytest.warns(UserWarning, match=r"mov can't hold the video's video \(mjpeg\): left out"):
        copy(tmp_path / "covered.mp4", tmp_path / "b.mov")


def test_what_is_lost_is_said(tmp_path):
    source = tmp_path / "a.mkv"
    clips.write_clip(source, clips.pictures(3, bits=16), pix_fmt="yuv444p10le", audio="aac")
    with warnings.catch_warnings(record=True, action="always") as caught:
        copy(source, tmp_path / "b.webm")
    said = " ".join(str(each.message) for each in caught)
    assert "pixels are yuv444p10le, and become yuv444p" in said
    assert "doesn't keep the shape of pixels, 4/3" in said
    assert "audio (aac): left out" in said
    copy(source, tmp_path / "b.mp4")
    assert clips.first_frame(tmp_path / "b.mp4")[0].format.name == "yuv444p10le"


def test_odd_sizes_and_files_without_times(tmp_path):
    source = tmp_path / "a.avi"
    frames = clips.pictures(5, (47, 63))
    clips.write_clip(source, frames, codec="mjpeg", pix_fmt="yuvj420p", tags=(2, 2, 2, 2), time_base=Fraction(1, 25))
    copy(source, tmp_path / "b.mkv")
    frame = clips.first_frame(tmp_path / "b.mkv")[0]
    assert (frame.height, frame.width, int(frame.color_range)) == (47, 63, 2)
    assert clips.times(tmp_path / "b.mkv") == [Fraction(k, 25) for k in range(5)]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_lossy_files_lose_little(tmp_path, suffix):
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(6), aspect=1)
    copy(tmp_path / "a.mp4", tmp_path / f"b{suffix}")
    copy(tmp_path / "a.mp4", tmp_path / f"c{suffix}", crf=45)
    source = [pixels.astype(float) for pixels, _ in read(tmp_path / "a.mp4")]
    errors = [
        np.mean([np.square(a - b).mean() for a, (b, _) in zip(source, read(path), strict=True)])
        for path in (tmp_path / f"b{suffix}", tmp_path / f"c{suffix}")
    ]
    assert errors[0] < 16 < errors[1]
    assert (tmp_path / f"b{suffix}").stat().st_size > (tmp_path / f"c{suffix}").stat().st_size


def test_damaged_files(tmp_path):
    clips.write_clip(tmp_path / "a.mkv", clips.pictures(50, (96, 128)))
    whole = (tmp_path / "a.mkv").read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match=r"damaged or cut off: .*it ends at .* instead of 2.00 s"):
        frames = read(cut)
    assert 5 < len(frames) < 45
    with pytest.warns(UserWarning, match="damaged or cut off"):
        copy(cut, tmp_path / "b.mkv")
    assert len(clips.times(tmp_path / "b.mkv")) == len(frames)
    holed = bytearray(whole)
    holed[len(whole) // 2 : len(whole) // 2 + 3000] = bytes(3000)
    (tmp_path / "holed.mkv").write_bytes(holed)
    with pytest.warns(UserWarning, match="damaged or cut off"):
        read(tmp_path / "holed.mkv")
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(50, (96, 128)))  # its index is at its end
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:-3000])
    with pytest.raises(ValueError, match=r"cannot read .*cut.mp4' as a video: Invalid data"):
        read(tmp_path / "cut.mp4")
    clips.write_clip(tmp_path / "s.mp4", clips.pictures(50, (96, 128)), container_options={"movflags": "faststart"})
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "s.mp4").read_bytes()[:-9000])
    with pytest.warns(UserWarning, match="damaged or cut off"):
        assert 5 < len(read(tmp_path / "cut.mp4")) < 50


def test_what_is_no_video(tmp_path):
    (tmp_path / "a.mkv").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"cannot read .*a.mkv' as a video"):
        read(tmp_path / "a.mkv")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read(tmp_path / "none.mkv")
    clips.write_clip(tmp_path / "b.mkv", clips.pictures(2))
    with (
        pytest.raises(ValueError, match=r"b.mkv' as a video: it has 64 x 48 pixels, more than max_pixels = 100"),
        open_video(tmp_path / "b.mkv", max_pixels=100),
    ):
        pass
    with av.open(str(tmp_path / "sound.mkv"), "w") as file:
        clips._add_sound(file, file.add_stream("aac", rate=48000))
    with pytest.raises(ValueError, match="it has no pictures"):
        read(tmp_path / "sound.mkv")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("a.avi", {}, r"OUT is 'a.avi'; expected .mp4, .m4v, .mov, .mkv, .webm for a video"),
        ("a.mp4", {"lossless": True}, "lossless was given with OUT 'a.mp4'; expected it with .mkv"),
        ("a.mkv", {"lossless": True, "crf": 4}, "lossless was given with crf 4"),
        ("a.mkv", {"crf": 52}, "crf is 52; expected 0 .* to 51"),
        ("a.webm", {"crf": -1}, "crf is -1; expected 0 .* to 63"),
    ],
)
def test_what_no_encoder_does(name, settings, message):
    with pytest.raises(ValueError, match=message):
        choose_encoder(name, **settings)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_file_leaves_nothing(tmp_path, failure):
    clips.write_clip(tmp_path / "a.mp4", clips.pictures(5), audio="aac")
    (tmp_path / "b.mp4").write_bytes(b"mine")

    def interrupted():
        with open_video(tmp_path / "a.mp4") as video, create_video(tmp_path / "b.mp4", video) as result:
            for number, (pixels, stamp) in enumerate(video.frames(result.pass_on)):
                result.write(pixels, stamp)
                if number == 2:
                    raise failure

    with pytest.raises(failure):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    assert (tmp_path / "b.mp4").read_bytes() == b"mine"


def test_without_pyav(monkeypatch, tmp_path):
    monkeypatch.setattr("pkn.io.video_properties.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"av isn't installed; .*pip install 'procedural-kernels\[video\]'"):
        read(tmp_path / "a.mkv")

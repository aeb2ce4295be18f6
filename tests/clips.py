"""Small video files for tests, made by PyAV."""

from fractions import Fraction

import av
import numpy as np

CHAPTERS = [
    {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}},
    {"id": 2, "start": 200, "end": 480, "time_base": Fraction(1, 1000), "metadata": {"title": "two"}},
]
BT709 = (1, 1, 1, 1)  # limited range; matrix, primaries and transfer
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".avi": "avi"}


def pictures(number, size=(48, 64), grey=False, bits=8, seed=0):
    """Noisy ramps (H, W) or (H, W, 3)."""
    rng = np.random.default_rng(seed)
    colour = np.ones(()) if grey else np.array([1, 0.9, 0.7])
    ramp = np.linspace(0.2, 0.7, size[1]) * np.ones((size[0], 1))
    ramp = ramp if grey else ramp[..., None] * colour
    full = 255 if bits == 8 else 65535
    for k in range(number):
        noisy = ramp * (1 + 0.01 * k) + rng.normal(0, 0.05, ramp.shape)
        yield (full * noisy.clip(0, 1)).astype(np.uint8 if bits == 8 else np.uint16)


def array_format(pixels):
    return {(2, 1): "gray", (2, 2): "gray16le", (3, 1): "rgb24", (3, 2): "rgb48le"}[pixels.ndim, pixels.dtype.itemsize]


def write_clip(
    path,
    frames,
    *,
    codec="libx264",
    pix_fmt="yuv420p",
    pts=None,
    time_base=Fraction(1, 12800),
    audio=None,
    subtitles=False,
    rotation=None,
    tags=BT709,
    aspect=Fraction(4, 3),
    options=None,
    container_options=None,
    attachment=None,
):
    """Write frames at times ``pts`` (by default 25 a second), with sound of 20 packets if ``audio`` names a codec."""
    frames = list(frames)
    pts = [round(k / 25 / time_base) for k in range(len(frames))] if pts is None else pts
    height, width = frames[0].shape[:2]
    kind = FORMATS[path.suffix]
    with av.open(str(path), "w", format=kind, container_options=container_options or {}) as file:
        settings = {"rate": 25, "width": width, "height": height, "pix_fmt": pix_fmt, "time_base": time_base}
        stream = file.add_stream(codec, options=options or {}, **settings)
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = tags
        context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        sound = file.add_stream(audio, rate=48000) if audio else None
        text = file.add_mux_stream("subrip", time_base=Fraction(1, 1000)) if subtitles else None
        if attachment:
            file.add_attachment("font.ttf", "application/x-truetype-font", attachment)
        file.metadata["title"] = "a title"
        stream.metadata["language"] = "deu"
        if kind != "avi":
            file.set_chapters(CHAPTERS)
        for pixels, time in zip(frames, pts, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, array_format(pixels))
            colours = {} if pixels.ndim == 2 else {"dst_colorspace": tags[1], "dst_color_range": tags[0]}
            frame = frame.reformat(format=pix_fmt, **colours)
            frame.pts, frame.time_base = time, time_base
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if sound:
            _add_sound(file, sound)
        if text:
            _add_text(file, text)


def _add_sound(file, sound):
    for k in range(20):
        wave = (0.3 * np.sin(np.arange(1024) * 0.05 + k)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * k, Fraction(1, 48000)
        file.mux(sound.encode(frame))
    file.mux(sound.encode(None))


def _add_text(file, text):
    for k in range(3):
        packet = av.Packet(f"line {k}".encode())
        packet.stream, packet.time_base = text, Fraction(1, 1000)
        packet.pts = packet.dts = 100 * k
        packet.duration = 80
        file.mux(packet)


def write_with_cover(path, source, picture):
    """Copy a clip of one video stream into a file with a cover, a JPEG file's bytes."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as file:
        copy = file.add_stream_from_template(clip.streams.video[0], opaque=True)
        cover = file.add_mux_stream("mjpeg", width=16, height=16)
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in clip.demux(clip.streams.video[0]):
            if packet.size:
                packet.stream = copy
                file.mux(packet)
        packet = av.Packet(picture)
        packet.stream, packet.pts, packet.dts, packet.time_base = cover, 0, 0, Fraction(1, 1000)
        file.mux(packet)


def times(path):
    """When each frame is shown, s, exactly."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        return [frame.pts * stream.time_base for frame in file.decode(stream)]


def packets(path, kind):
    """Bytes of the packets of the first stream of a kind, and their times."""
    with av.open(str(path)) as file:
        stream = next(each for each in file.streams if each.type == kind)
        found = [packet for packet in file.demux(stream) if packet.dts is not None]
        return [bytes(packet) for packet in found], [packet.pts * stream.time_base for packet in found]


def first_frame(path):
    """The first frame, its container's metadata and chapters, and its stream's properties."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frame = next(file.decode(stream))
        chapters = [(each["start"] * each["time_base"], each["metadata"]) for each in file.chapters()]
        return frame, dict(file.metadata), chapters, (stream.sample_aspect_ratio, stream.metadata.get("language"))

"""Writing a video made like another: its frames are new, all else is copied."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.io.atomic import atomic_path
from pkn.io.video import Stamp, VideoReader
from pkn.io.video_colour import PixelFormat, to_frame
from pkn.io.video_properties import pyav

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
LOSSLESS = ".mkv"
# Of the file or the encoder, so of no other file.
NOT_COPIED = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration", "bps")
EXACT = {"gray": "gray", "gray16le": "gray16le", "rgb24": "bgr0", "rgb48le": "gbrp16le"}  # of FFV1, for arrays
LAYOUTS = {"1 channels": "mono", "2 channels": "stereo"}  # of sound whose file doesn't say, where MP4 must know
STATISTICS = ("number_of_", "_statistics_")


class Encoder(NamedTuple):
    """How frames are encoded: FFmpeg's names of container and encoder, the latter's options, and whether it's exact."""

    container: str
    codec: str
    options: dict[str, str]
    lossless: bool = False


class VideoWriter:
    """A video file in the making; :func:`create_video` makes it.

    Parameters
    ----------
    container : av.container.OutputContainer
    source : VideoReader
        What is copied: size, format of pixels, tags, frame rate, streams, metadata and chapters.
    encoder : Encoder
    """

    def __init__(self, container: Any, source: VideoReader, encoder: Encoder) -> None:
        properties = source.properties
        self._container = container
        self._array_format = properties.pixel_format.array_format
        self._pixel_format = _pixel_format(properties.pixel_format, (properties.height, properties.width), encoder)
        self._colour = properties.colour.stored_as(self._pixel_format)
        self._time_base = properties.time_base
        self._stream = self._video_stream(source, encoder)
        self._copies = _copies(container, source, encoder)
        container.metadata.update(_copied(source.container.metadata))
        container.set_chapters(source.container.chapters())

    def write(self, pixels: np.ndarray, stamp: Stamp) -> None:
        """Encode a frame.

        Parameters
        ----------
        pixels : array of shape (H, W) or (H, W, 3), uint8 or uint16
            As :meth:`pkn.io.video.VideoReader.frames` gives them.
        stamp : Stamp
            In the source's time base. Time stamps must grow.
        """
        frame = to_frame(pixels, self._pixel_format, self._colour, self._array_format)
        frame.pts, frame.duration, frame.time_base = stamp.pts, stamp.duration, self._time_base
        self._container.mux(self._stream.encode(frame))

    def pass_on(self, packet: Any) -> None:
        """Copy a packet of one of the source's other streams, unless OUT can't hold the stream."""
        copy = self._copies.get(packet.stream.index)
        if copy is not None:
            packet.stream = copy
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))

    def _video_stream(self, source: VideoReader, encoder: Encoder) -> Any:
        properties = source.properties
        if properties.aspect not in (0, 1) and encoder.codec != "libx264":
            warnings.warn(f"{encoder.codec} doesn't keep the shape of pixels, {properties.aspect}", stacklevel=2)
        stream = self._container.add_stream(
            encoder.codec,
            rate=properties.rate,
            options=encoder.options,
            time_base=properties.time_base,
            width=properties.width,
            height=properties.height,
            pix_fmt=self._pixel_format.name,
        )
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.color_range, context.colorspace = self._colour.span, self._colour.matrix
        context.color_primaries, context.color_trc = self._colour.primaries, self._colour.transfer
        if properties.aspect:
            context.sample_aspect_ratio = properties.aspect
        stream.set_display_matrix(properties.display_matrix)
        stream.disposition = source.stream.disposition
        stream.metadata.update(_copied(source.stream.metadata))
        return stream


@contextmanager
def create_video(
    path: str | os.PathLike[str], source: VideoReader, *, crf: float | None = None, lossless: bool = False
) -> Iterator[VideoWriter]:
    """A context in which to write a video made like another; the file appears when it is whole.

    Parameters
    ----------
    path : str or path
        ``.mp4``, ``.m4v``, ``.mov`` and ``.mkv`` get H.264 (libx264), ``.webm`` VP9 (libvpx-vp9).
    source : VideoReader
        The other video.
    crf : float, optional
        Constant rate factor: less is better and larger. 0 to 51 for H.264, by default 16; 0 to 63 for VP9, by default
        20.
    lossless : bool
        Write exactly the pixels that are given: RGB or grey by FFV1, into ``.mkv``.

    Yields
    ------
    VideoWriter

    Raises
    ------
    ValueError
        If ``path`` has another suffix, or ``crf`` or ``lossless`` aren't for it.
    OSError
        If the file can't be written.

    Warns
    -----
    UserWarning
        Of streams that the container can't hold, and of bits or transparency that are lost.
    """
    encoder = choose_encoder(path, crf=crf, lossless=lossless)
    with atomic_path(path) as temporary, _failures_named(path):
        container = pyav().open(
            str(temporary), "w", format=encoder.container, container_options=_container_options(source, encoder)
        )
        try:
            writer = VideoWriter(container, source, encoder)
            yield writer
            writer.finish()
        except BaseException:  # KeyboardInterrupt too
            with suppress(Exception):
                container.close()
            raise
        container.close()


def choose_encoder(path: str | os.PathLike[str], *, crf: float | None = None, lossless: bool = False) -> Encoder:
    """The encoder for a file, by its suffix; raises ValueError as :func:`create_video`."""
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise ValueError(f"OUT is '{os.fspath(path)}'; expected {', '.join(CONTAINERS)} for a video")
    container = CONTAINERS[suffix]
    if lossless:
        if suffix != LOSSLESS or crf is not None:
            came = f"OUT '{os.fspath(path)}'" if crf is None else f"crf {crf:g}"
            raise ValueError(f"lossless was given with {came}; expected it with {LOSSLESS}, without crf")
        return Encoder(container, "ffv1", {"level": "3", "slicecrc": "1"}, lossless=True)
    codec, usual, most = ("libvpx-vp9", 20, 63) if suffix == ".webm" else ("libx264", 16, 51)
    crf = usual if crf is None else crf
    if not 0 <= crf <= most:
        raise ValueError(f"crf is {crf:g}; expected 0 (best) to {most} for {suffix}")
    if codec == "libx264":
        return Encoder(container, codec, {"crf": f"{crf:g}"})
    return Encoder(container, codec, {"crf": f"{round(crf)}", "b": "0", "row-mt": "1", "cpu-used": "2"})


def _container_options(source: VideoReader, encoder: Encoder) -> dict[str, str]:
    """A first frame's time is in units of the whole file in MP4: of 1 ms unless they're told."""
    if encoder.container in ("matroska", "webm"):
        return {}
    return {"movie_timescale": str(source.properties.time_base.denominator)}


def _pixel_format(source: PixelFormat, size: tuple[int, int], encoder: Encoder) -> PixelFormat:
    """The source's, where the encoder takes it, else the nearest; without transparency, which no encoder here keeps."""
    from av import Codec, VideoFormat
    from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list

    if encoder.lossless:
        found, lost = PixelFormat.of(VideoFormat(EXACT[source.array_format])), source.has_alpha
    else:
        formats = [PixelFormat.of(each) for each in Codec(encoder.codec, "w").video_formats or ()]
        names = [each.name for each in formats if not each.has_alpha and _takes(encoder, each, size)]
        best, loss = find_best_pix_fmt_of_list(names, source.name, source.has_alpha)
        assert best is not None
        found, lost = PixelFormat.of(best), bool(loss & (PixFmtLoss.ALPHA | PixFmtLoss.DEPTH))
    if lost:
        warnings.warn(f"pixels are {source.name}, and become {found.name}: transparency or bits are lost", stacklevel=2)
    return found


def _takes(encoder: Encoder, pixel_format: PixelFormat, size: tuple[int, int]) -> bool:
    """Whether an encoder takes frames of the size: libx264 has no half pixels of chroma."""
    even = not (size[0] % 2 or size[1] % 2)
    return even or encoder.codec != "libx264" or pixel_format.is_grey or pixel_format.name.startswith("yuv444")


def _copies(container: Any, source: VideoReader, encoder: Encoder) -> dict[int, Any]:
    """A new stream for each of the source's others that the container can hold, by the latter's index."""
    copies, refused = {}, []
    for stream in source.other_streams:
        if _can_hold(encoder.container, source, stream):
            copies[stream.index] = _add_copy(container, stream)
        else:
            refused.append(f"{stream.type} ({getattr(stream, 'name', None) or 'unknown'})")
    if refused:
        warnings.warn(f"{encoder.container} can't hold the video's {', '.join(refused)}: left out", stacklevel=2)
    return copies


def _can_hold(container: str, source: VideoReader, stream: Any) -> bool:
    """Tried on a file in memory: what formats say of themselves is less than what they refuse, some at the end only."""
    av = pyav()
    if stream.disposition & av.stream.Disposition.attached_pic and container != "mp4":
        return False  # others take a cover for a second video, or lose it
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial, av.open(str(source.path)) as again:
            copy = _add_copy(trial, stream)
            trial.start_encoding()
            if stream.type == "audio":  # others may begin anywhere
                packet = next(again.demux(again.streams[stream.index]))
                packet.stream = copy
                trial.mux(packet)
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _add_copy(container: Any, stream: Any) -> Any:
    copy = container.add_stream_from_template(stream, opaque=True)
    if stream.type == "audio" and stream.layout.name in LAYOUTS:
        copy.codec_context.layout = LAYOUTS[stream.layout.name]
    copy.metadata.update(_copied(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def _copied(metadata: dict[str, str]) -> dict[str, str]:
    def is_of_the_file(name: str) -> bool:
        return name.split("-")[0].lower() in NOT_COPIED or name.lower().startswith(STATISTICS)

    return {name: text for name, text in metadata.items() if not is_of_the_file(name)}


@contextmanager
def _failures_named(path: str | os.PathLike[str]) -> Iterator[None]:
    """FFmpeg's failures as one clear error."""
    try:
        yield
    except pyav().error.FFmpegError as error:
        raise OSError(f"cannot write {os.fspath(path)!r}: {error.strerror}") from error

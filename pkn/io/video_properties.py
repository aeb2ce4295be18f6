"""What a video file is but for its frames, by PyAV (the extra ``video``)."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from pkn.io.image_file import check_size
from pkn.io.video_colour import Colour, PixelFormat
from pkn.version import missing

USUAL_RATE = 25  # frames a second, where a file says nothing


class VideoProperties(NamedTuple):
    """What a video is, but for its frames.

    Parameters
    ----------
    height, width : int
        Pixels of a frame, before ``display_matrix``.
    pixel_format : PixelFormat
        How the file stores pixels.
    colour : Colour
        Tags that say what its colours mean.
    time_base : Fraction
        Unit of time stamps, in seconds.
    rate : Fraction
        Frames a second, on average.
    aspect : Fraction
        Width of a pixel by its height; 0 if the file doesn't say.
    display_matrix : tuple of int, or None
        How players turn and mirror the picture: 3 x 3 fixed-point numbers, as FFmpeg has them.
    frames : int
        Number of frames as the header has it, or by duration; 0 if it isn't known.
    """

    height: int
    width: int
    pixel_format: PixelFormat
    colour: Colour
    time_base: Fraction
    rate: Fraction
    aspect: Fraction
    display_matrix: tuple[int, ...] | None
    frames: int


def pyav() -> ModuleType:
    """PyAV.

    Raises
    ------
    ImportError
        If it isn't installed.
    """
    if not find_spec("av"):
        raise ImportError(missing("av", "videos", "video"))
    import av

    return av


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An av.container.InputContainer; errors as :func:`pkn.io.video.open_video`."""
    av = pyav()
    if not path.is_file():
        raise FileNotFoundError(f"cannot read {str(path)!r}: there is no such file")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise ValueError(f"cannot read {str(path)!r} as a video: {error.strerror}") from None
    with container:
        yield container


def properties_of(path: Path, max_pixels: int) -> VideoProperties:
    """By the first frame: some tags are nowhere else. The file is then opened again, so that nothing is lost."""
    with opened(path) as container:
        if not container.streams.video:
            raise ValueError(f"cannot read {str(path)!r} as a video: it has no pictures")
        stream = video_stream(container)
        try:
            check_size(stream.codec_context.width, stream.codec_context.height, max_pixels)
        except ValueError as error:
            raise ValueError(f"cannot read {str(path)!r} as a video: {error}") from None
        frame = _first_frame(path, container, stream)
        if frame.interlaced_frame:
            warnings.warn(
                f"{str(path)!r} is interlaced, and both fields are denoised as one picture; expected a video that was"
                " deinterlaced before",
                stacklevel=2,
            )
        rate = rate_of(stream)
        seconds = Fraction(container.duration or 0, 1_000_000)
        return VideoProperties(
            frame.height,
            frame.width,
            PixelFormat.of(frame.format),
            Colour.of(frame),
            stream.time_base,
            rate,
            stream.sample_aspect_ratio or Fraction(0),
            _display_matrix(frame),
            stream.frames or round(seconds * rate),
        )


def _first_frame(path: Path, container: Any, stream: Any) -> Any:
    reason = "no frame of it can be decoded"
    try:
        for frame in container.decode(stream):
            return frame
    except pyav().error.FFmpegError as error:
        reason = error.strerror
    raise ValueError(f"cannot read {str(path)!r} as a video: {reason}")


def video_stream(container: Any) -> Any:
    """The one that players show: none that is a cover."""
    return container.streams.best("video") or container.streams.video[0]


def rate_of(stream: Any) -> Fraction:
    """Frames a second."""
    return Fraction(stream.average_rate or stream.guessed_rate or USUAL_RATE)


def _display_matrix(frame: Any) -> tuple[int, ...] | None:
    for each in frame.side_data:
        if each.type.name == "DISPLAYMATRIX":
            return tuple(int(number) for number in np.frombuffer(bytes(each), np.int32))
    return None

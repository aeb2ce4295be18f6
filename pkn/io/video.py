"""Video files by PyAV (the extra ``video``): frames as arrays with their time stamps, and all else as it stands."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.io.images import DEFAULT_MAX_PIXELS
from pkn.io.video_colour import to_array
from pkn.io.video_properties import VideoProperties, opened, properties_of, pyav, rate_of, video_stream

SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v")
CUT_OFF = 0.5  # s that may be missing at a file's end: headers round, and streams end at different times


class Stamp(NamedTuple):
    """When a frame is shown and for how long (0: not known), in units of the video's time base."""

    pts: int
    duration: int


class VideoReader:
    """An open video file; :func:`open_video` makes it.

    Parameters
    ----------
    path : Path
    container : av.container.InputContainer
    properties : VideoProperties
    """

    def __init__(self, path: Path, container: Any, properties: VideoProperties) -> None:
        self.path = path
        self.container = container
        self.properties = properties
        self.stream = video_stream(container)
        self.stream.thread_type = "AUTO"

    @property
    def other_streams(self) -> list[Any]:
        """Sound, subtitles, data and other pictures; none that a demuxer keeps for itself, such as chapters' titles."""
        from av.stream import Discard

        return [
            each for each in self.container.streams if each is not self.stream and each.discard != Discard.all.value
        ]

    def frames(self, pass_on: Callable[[Any], None] = lambda packet: None) -> Iterator[tuple[np.ndarray, Stamp]]:
        """Decode the video, once.

        Parameters
        ----------
        pass_on : callable
            Is given the packets of the other streams, in the file's order.

        Yields
        ------
        pixels : array of shape (H, W) or (H, W, 3)
            Grey or RGB; uint8, or uint16 (fractions of its full range) for videos of more than 8 bits.
        stamp : Stamp
            Of the frame. Time stamps grow.

        Raises
        ------
        ValueError
            If there are no frames, or they change their size.

        Warns
        -----
        UserWarning
            After the last frame, if the file is damaged or cut off.
        """
        state = _Progress(self.stream)
        pixel_format = self.properties.pixel_format
        for frame in self._decoded(state, pass_on):
            size = (self.properties.height, self.properties.width)
            if (frame.height, frame.width) != size:
                came = f"{frame.width} x {frame.height}"
                raise ValueError(f"{str(self.path)!r} has a frame of {came}; expected {size[1]} x {size[0]} of all")
            yield to_array(frame, pixel_format), state.stamp_of(frame)
        if state.last is None:
            raise ValueError(f"cannot read {str(self.path)!r} as a video: it holds no frame that can be decoded")
        if complaints := state.complaints(self.container):
            warnings.warn(
                f"{str(self.path)!r} is damaged or cut off: {complaints}; what is there was taken", stacklevel=2
            )

    def _decoded(self, state: "_Progress", pass_on: Callable[[Any], None]) -> Iterator[Any]:
        failure = pyav().error.FFmpegError
        packets = self.container.demux([self.stream, *self.other_streams])
        while True:
            try:
                packet = next(packets, None)
            except failure:  # the rest of the file can't be told apart into packets
                state.failed += 1
                packet = None
            if packet is None:
                return
            state.reach(packet)
            if packet.stream is not self.stream:
                if packet.size:  # else it says that the stream has ended
                    pass_on(packet)
                continue
            try:
                yield from self.stream.decode(packet)
            except failure:
                state.failed += 1


class _Progress:
    """How far a file was read, and what was wrong with it."""

    def __init__(self, stream: Any) -> None:
        self.last: int | None = None
        self.end = Fraction(0)
        self.failed = self.moved = 0
        self.step = max(1, round(1 / (rate_of(stream) * stream.time_base)))

    def reach(self, packet: Any) -> None:
        self.failed += bool(packet.is_corrupt)
        if packet.pts is not None and packet.time_base:
            self.end = max(self.end, (packet.pts + (packet.duration or 0)) * packet.time_base)

    def stamp_of(self, frame: Any) -> Stamp:
        """The frame's, or one step after the last where it has none (AVI); muxers refuse times that don't grow."""
        pts = frame.pts
        if pts is None:
            pts = 0 if self.last is None else self.last + self.step
        elif self.last is not None and pts <= self.last:
            pts, self.moved = self.last + 1, self.moved + 1
        self.last = pts
        return Stamp(pts, frame.duration or 0)

    def complaints(self, container: Any) -> str:
        said = []
        if self.failed:
            said.append(f"{self.failed} of its packets could not be read")
        if self.moved:
            said.append(f"{self.moved} frames had no later time than the one before")
        length = Fraction(container.duration or 0, 1_000_000)  # of Matroska, from 0 to the end
        if self.end + Fraction(CUT_OFF) < length:
            said.append(f"it ends at {float(self.end):.2f} s instead of {float(length):.2f} s")
        return ", ".join(said)


@contextmanager
def open_video(path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Iterator[VideoReader]:
    """Open a video file, to read its frames one by one.

    Parameters
    ----------
    path : str or path
        Of any format that FFmpeg reads.
    max_pixels : int
        The most pixels that a frame may have.

    Yields
    ------
    VideoReader
        Its ``properties``, and ``frames()``.

    Raises
    ------
    ImportError
        If PyAV isn't installed.
    FileNotFoundError
        If there is no such file.
    ValueError
        If it can't be read as a video, or is too large.

    Warns
    -----
    UserWarning
        If the video is interlaced.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import av
    >>> import numpy as np
    >>> from pkn.io.video import open_video
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = Path(folder) / "clip.mkv"
    ...     with av.open(str(clip), "w") as file:
    ...         stream = file.add_stream("ffv1", rate=25, width=48, height=32, pix_fmt="gray")
    ...         for level in range(3):
    ...             file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((32, 48), level, np.uint8), "gray")))
    ...         file.mux(stream.encode())
    ...     with open_video(clip) as video:
    ...         frames = [(pixels.shape, int(pixels.max()), stamp.pts) for pixels, stamp in video.frames()]
    >>> frames
    [((32, 48), 0, 0), ((32, 48), 1, 40), ((32, 48), 2, 80)]
    """
    properties = properties_of(Path(path), max_pixels)
    with opened(Path(path)) as container:
        yield VideoReader(Path(path), container, properties)

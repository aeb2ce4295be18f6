"""Pixels of videos as arrays and back: formats of pixels, and the tags that say what their colours mean."""

from typing import Any, NamedTuple

import numpy as np

# FFmpeg's numbers for AVColorSpace and AVColorRange, and for matrices of swscale.
RGB, BT709, UNKNOWN = 0, 1, 2
LIMITED, FULL = 1, 2
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # BT.601 where the file doesn't say, as FFmpeg does


class PixelFormat(NamedTuple):
    """How a video stores pixels.

    Parameters
    ----------
    name : str
        FFmpeg's, such as "yuv420p10le".
    bits : int
        Of a value.
    is_grey, is_rgb, has_alpha : bool
    """

    name: str
    bits: int
    is_grey: bool
    is_rgb: bool
    has_alpha: bool

    @classmethod
    def of(cls, video_format: Any) -> "PixelFormat":
        """From PyAV's. JPEG's formats of YUV are the usual ones: the range is a tag of its own."""
        parts = video_format.components
        has_alpha = any(part.is_alpha for part in parts)
        is_grey = len(parts) - has_alpha == 1 and not video_format.has_palette
        is_rgb = bool(video_format.is_rgb or video_format.has_palette)
        name = video_format.name.replace("yuvj", "yuv")
        return cls(name, max(part.bits for part in parts), is_grey, is_rgb, has_alpha)

    @property
    def array_format(self) -> str:
        """FFmpeg's name for what a frame is as an array."""
        if self.is_grey:
            return "gray" if self.bits <= 8 else "gray16le"
        return "rgb24" if self.bits <= 8 else "rgb48le"


class Colour(NamedTuple):
    """What a video's colours mean, by FFmpeg's numbers, which are those of ITU-T H.273 but for the range.

    Parameters
    ----------
    span : int
        1 for limited, 2 for full range, 0 if the file doesn't say.
    matrix, primaries, transfer : int
        2 if the file doesn't say.
    """

    span: int
    matrix: int
    primaries: int
    transfer: int

    @classmethod
    def of(cls, frame: Any) -> "Colour":
        """Of a decoded frame."""
        span = FULL if frame.format.name.startswith("yuvj") else int(frame.color_range)
        return cls(span, int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc))

    def stored_as(self, pixel_format: PixelFormat) -> "Colour":
        """The tags for another format of pixels: of RGB those for RGB, and of YUV none of RGB."""
        if pixel_format.is_rgb:
            return self._replace(span=FULL, matrix=RGB)
        if self.matrix == RGB:
            return self._replace(span=LIMITED, matrix=UNKNOWN if pixel_format.is_grey else BT709)
        return self


def to_array(frame: Any, pixel_format: PixelFormat) -> np.ndarray:
    """A frame (H, W) or (H, W, 3), uint8 or uint16 (fractions of its full range)."""
    converted = _converted(frame, pixel_format.array_format, Colour.of(frame))
    return np.array(converted.to_ndarray())  # a copy: the decoder still needs its own


def to_frame(pixels: np.ndarray, pixel_format: PixelFormat, colour: Colour, array_format: str) -> Any:
    """A frame of ``pixel_format`` with the tags ``colour`` from such an array, ``array_format`` in FFmpeg's words."""
    from av import VideoFrame

    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), array_format)
    frame = _converted(frame, pixel_format.name, colour)
    frame.color_range, frame.colorspace = colour.span, colour.matrix
    frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
    return frame


def _converted(frame: Any, name: str, colour: Colour) -> Any:
    """The frame in another format; the range is said of YUV, since FFmpeg would take the frame's own for RGB."""
    from av.video.reformatter import Interpolation, VideoReformatter

    flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
    flags |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
    matrix = MATRICES.get(colour.matrix, 5)
    span = colour.span or LIMITED
    return VideoReformatter().reformat(
        frame,
        format=name,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=span,
        dst_color_range=span,
        interpolation=flags,
    )

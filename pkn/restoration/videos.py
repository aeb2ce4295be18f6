"""Video files, denoised from file to file."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pkn.io.images import DEFAULT_MAX_PIXELS
from pkn.io.video import Stamp, open_video
from pkn.io.video_writer import choose_encoder, create_video
from pkn.restoration.denoising import DEFAULT_NET
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.sequences import NEIGHBOURS
from pkn.restoration.streams import stream

Callback = Callable[[int, int, dict[str, Any]], None]


def denoise_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    neighbours: int = NEIGHBOURS,
    causal: bool = False,
    crf: float | None = None,
    lossless: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    callback: Callback = lambda done, total, info: None,
) -> int:
    """Denoise a video file into another, frame by frame, in the memory of a few frames.

    Size, frame rate, time stamps, format of pixels, colour tags, rotation, metadata and chapters are kept, and sound,
    subtitles and data copied as they are, where the target's format can hold them. The target appears when it is whole.

    Parameters
    ----------
    source : str or path
        Of any format that FFmpeg reads.
    target : str or path
        ``.mp4``, ``.m4v``, ``.mov``, ``.mkv`` or ``.webm``.
    net, strength, sigma, noise
        As in :func:`pkn.denoise`; ``sigma`` in fractions of the full range.
    neighbours : int
        Frames before and after each that it is averaged with.
    causal : bool
        Whether a result may depend on frames before it alone.
    crf : float, optional
        Constant rate factor of the encoder: less is better and larger; see
        :func:`pkn.io.video_writer.create_video`.
    lossless : bool
        Write exactly the denoised pixels, RGB or grey, by FFV1 into ``.mkv``.
    max_pixels : int
        The most pixels that a frame may have.
    callback : callable, optional
        Called after each frame: ``callback(done, total, info)``. ``total`` is what the header says, 0 if it doesn't;
        ``info["frames_per_second"]`` is the mean speed.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    ImportError
        If PyAV isn't installed (the extra ``video``).
    ValueError, TypeError, OSError
        If the source can't be read, the target can't be written, or a setting isn't one. There is no target then.

    Warns
    -----
    UserWarning
        If the source is damaged, cut off (what is there is denoised) or interlaced, or the target can't hold a stream,
        transparency or all bits.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import av
    >>> import numpy as np
    >>> from pkn.restoration.videos import denoise_video
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip, clean = Path(folder) / "clip.mkv", Path(folder) / "clean.mkv"
    ...     with av.open(str(clip), "w") as file:
    ...         stream = file.add_stream("ffv1", rate=25, width=96, height=64, pix_fmt="gray")
    ...         for _ in range(3):
    ...             pixels = rng.normal(128, 20, (64, 96)).clip(0, 255).astype(np.uint8)
    ...             file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "gray")))
    ...         file.mux(stream.encode())
    ...     number = denoise_video(clip, clean, lossless=True)
    ...     with av.open(str(clean)) as file:
    ...         spread = [float(frame.to_ndarray().std()) for frame in file.decode(video=0)]
    >>> number, len(spread), max(spread) < 10
    (3, 3, True)
    """
    choose_encoder(target, crf=crf, lossless=lossless)  # before the work
    settings = {"strength": strength, "sigma": sigma, "noise": noise, "neighbours": neighbours, "causal": causal}
    stamps: deque[Stamp] = deque()
    done, begin = 0, time.perf_counter()
    with (
        open_video(source, max_pixels=max_pixels) as video,
        create_video(target, video, crf=crf, lossless=lossless) as result,
    ):

        def frames() -> Iterator[np.ndarray]:
            for pixels, stamp in video.frames(result.pass_on):
                stamps.append(stamp)  # results come later than frames
                yield pixels

        channel_axis = None if video.properties.pixel_format.is_grey else -1
        for done, pixels in enumerate(stream(frames(), net, channel_axis=channel_axis, dtype="same", **settings), 1):
            result.write(pixels, stamps.popleft())
            speed = done / (time.perf_counter() - begin)
            callback(done, video.properties.frames, {"frames_per_second": speed})
    return done

"""Videos frame by frame: a generator in, a generator out, in the memory of a few frames."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np

from pkn.filters.arrays import all_finite, check_dtype, check_image, check_whole_number, planar, rounded, target_dtype
from pkn.nets import Predictor
from pkn.restoration.arguments import check_strength, is_map, known_noise
from pkn.restoration.frames import Frame, denoise_frame, frame_of, scale_of
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.planes import filtering_net, tell, with_black
from pkn.restoration.sequences import NEIGHBOURS, windows

ANEW = 16  # frames after which the noise is estimated anew


def stream(
    frames: Iterable[Any],
    net: Any = "any-noise",
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    channel_axis: int | None = None,
    neighbours: int = NEIGHBOURS,
    causal: bool = True,
    dtype: Any = None,
) -> Iterator[np.ndarray]:
    """Denoise a video frame by frame, each with its neighbours in time.

    Where neighbours show the same (motion is followed, to a fraction of a pixel), frames are averaged; the network then
    sets the filter for what noise is left. Memory is that of ``2 neighbours + 1`` frames.

    Parameters
    ----------
    frames : iterable of arrays of shape (H, W), or three-dimensional with ``channel_axis``
        Of one shape and dtype; see :func:`pkn.denoise` for what they may be. Values must be finite.
    net, strength, dtype
        As in :func:`pkn.denoise`; ``strength`` a number, or a pair for luma and chroma.
    sigma : float, optional
        Standard deviation of white noise in image values.
    noise : NoiseProfile, optional
        The noise, if it is known. By default it is estimated from every 16th frame.
    channel_axis : int, optional
        Axis of a frame's channels; None means that frames are grey.
    neighbours : int
        Frames before and after each that it is averaged with, where there are so many.
    causal : bool
        Whether only frames before are looked at, so that each result is there with its frame; otherwise results come
        ``neighbours`` frames later.

    Yields
    ------
    array of a frame's shape

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> random = np.random.default_rng(0)
    >>> frames = (np.float32(0.5) + 0.1 * random.standard_normal((48, 64), np.float32) for _ in range(4))
    >>> for frame in pkn.stream(frames):
    ...     print(frame.shape, bool(frame.std() < 0.02))
    (48, 64) True
    (48, 64) True
    (48, 64) True
    (48, 64) True
    """
    check_dtype(dtype)
    check_whole_number("neighbours", neighbours, least=0)
    if is_map(strength) or is_map(sigma or 0):
        raise TypeError("strength or sigma is a map; expected numbers for a video")
    power, known, images = check_strength(strength), known_noise(sigma, noise), iter(frames)
    return denoise_frames(images, net, channel_axis, power, known, (neighbours, 0 if causal else neighbours), dtype)


def denoise_frames(
    images: Iterator[Any],
    net: Any,
    channel_axis: int | None,
    strength: Any,
    noise: Any,
    around: tuple[int, int],
    dtype: Any = None,
    origin: np.ndarray | None = None,
    skipped: int = 0,
) -> Iterator[np.ndarray]:
    """As :func:`stream`, for arguments that are checked; ``around`` are numbers of frames before and after each.

    If the frames begin at a later multiple of ``ANEW``, ``origin`` is the video's first. The results of the first
    ``skipped`` frames are left out.
    """
    first = next(images, None)
    if first is None:
        return
    first = check_next(first, None, channel_axis, "frame 0")
    network = filtering_net(net, planar(first, channel_axis).shape[0])
    target = target_dtype(dtype, first.dtype)
    frames, black = frames_of(first, images, network, channel_axis, noise, origin)
    for near, at in islice(windows(frames, *around), skipped, None):
        out = np.empty(first.shape, target)
        values = denoise_frame(near, at, network, strength)
        planar(out, channel_axis)[...] = rounded(with_black(values, black), target)
        yield out


def frames_of(
    first: np.ndarray,
    images: Iterator[Any],
    network: Predictor,
    channel_axis: int | None,
    noise: Any,
    origin: np.ndarray | None = None,
) -> tuple[Iterator[Frame], float]:
    """The frames of a video, prepared when they are asked for, and the black from which their values are counted."""
    planes = planar(first if origin is None else check_next(origin, first, channel_axis, "frame 0"), channel_axis)
    told_first = tell(planes, network, noise)
    scale = scale_of(planes, told_first)

    def prepared() -> Iterator[Frame]:
        told = told_first
        checked = (check_next(image, first, channel_axis, f"frame {number}") for number, image in enumerate(images, 1))
        for number, image in enumerate(chain([first], checked)):
            planes = planar(image, channel_axis)
            if number % ANEW == 0 and (number or origin is not None):
                told = tell(planes, network, noise)
            yield frame_of(planes, told, scale)

    return prepared(), scale.black


def check_next(image: Any, first: np.ndarray | None, channel_axis: int | None, name: str) -> np.ndarray:
    """An image of a series as an array, if it is finite and like the first."""
    image = check_image(image, channel_axis)
    if first is not None:
        check_alike(image, first, name)
    if not all_finite(image):
        raise ValueError(f"{name} has values that are not finite; expected none along time or depth")
    return np.asarray(image)


def check_alike(image: np.ndarray, first: np.ndarray, name: str) -> None:
    """Raise ValueError unless an image of a series has the first's shape and dtype."""
    if image.shape != first.shape or image.dtype != first.dtype:
        came = f"{image.dtype} of shape {image.shape}"
        raise ValueError(f"{name} is {came}; expected {first.dtype} of shape {first.shape}, as the first")

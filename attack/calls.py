"""Random calls of verbs and filters: whatever an array may be, a result keeps its promises or one clear error comes."""

import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

import pkn
from pkn.filters import FILTERS, AnisotropicUpsampling, FreeKernel
from pkn.filters.base import Filter
from pkn.filters.engine.borders import MODES
from pkn.pretrained import bundled_names

DTYPES = ("uint8", "uint16", "int16", "int32", "uint32", "bool", "float16", "float32", "float64", ">u2", ">f4", ">i2")
CLEAR = (ValueError, TypeError)
NETS = [name for name in bundled_names() if name not in ("upsample", "reblur")]
LARGEST_SIDE = 72
TOLERANCE = 2e-5  # of results within the span of an image


class PromiseError(AssertionError):
    """A promise that a result doesn't keep."""


def one_call(seed: int, number: int) -> str:
    """Make the call of this number; what was called. Raises whatever is no clear error, and PromiseError."""
    random = np.random.default_rng((seed, number))
    image, channel_axis = draw_image(random)
    mask = (
        random.random(_size(image, channel_axis)) > random.choice([0.1, 0.6, 0.95]) if random.random() < 0.3 else None
    )
    name, call = random.choice(list(CALLS.items()))
    before = image.tobytes()
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)  # of levels that can't be meant, and of values too small
        try:
            call(random, image, channel_axis, mask)
        except CLEAR as error:
            if not str(error) or len(str(error).splitlines()) > 1:
                raise PromiseError(f"an error of no or several lines: {error!r}") from error
    if image.tobytes() != before:
        raise PromiseError("the image was changed")
    return str(name)


def draw_image(random: np.random.Generator) -> tuple[np.ndarray, int | None]:
    """An image of any size, content, dtype and layout."""
    height, width = (int(random.choice([1, 2, 3, 7, 8, 9, 18, 31, LARGEST_SIDE])) for _ in range(2))
    channels = int(random.choice([0, 0, 3]))
    values = CONTENTS[random.integers(len(CONTENTS))](random, (height, width, *([channels] if channels else [])))
    dtype = np.dtype(str(random.choice(DTYPES)))
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            image = (values * 10.0 ** random.choice([0, 0, 0, -9, 9, -30, 30]) + random.choice([0, 0, 100])).astype(
                dtype
            )
        if random.random() < 0.2:
            image[random.random(image.shape[:2]) < random.choice([0.01, 0.5])] = random.choice(
                [np.nan, np.inf, -np.inf]
            )
    elif dtype.kind == "b":
        image = values > 0.5
    else:
        image = np.clip(values * random.choice([255, 4000, 60000]), 0, np.iinfo(dtype).max).astype(dtype)
    layout = random.integers(4)
    if layout == 1:
        image = np.asfortranarray(image)
    elif layout == 2:
        image = np.repeat(image, 2, axis=0)[::-2]
    elif layout == 3:
        image = image.copy()
        image.setflags(write=False)
    return image, -1 if channels else None


CONTENTS: list[Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = [
    lambda random, shape: random.random(shape),
    lambda random, shape: np.full(shape, random.choice([0.0, 0.3, 1.0])),
    lambda random, shape: np.clip(random.normal(0.9, 0.3, shape), 0, 1),
    lambda random, shape: np.round(random.random(shape) * 4) / 4,
    lambda random, shape: np.broadcast_to(
        (np.indices(shape[:2]).sum(0) % 2)[(...,) + (None,) * (len(shape) - 2)], shape
    ),
    lambda random, shape: np.linspace(0, 1, int(np.prod(shape))).reshape(shape),
    lambda random, shape: random.poisson(0.05, shape) / 5,
]


def _size(image: np.ndarray, channel_axis: int | None) -> tuple[int, ...]:
    return image.shape if channel_axis is None else image.shape[:2]


def _check(result: np.ndarray, shape: tuple[int, ...], seen: np.ndarray | None = None) -> None:
    if result.shape != shape:
        raise PromiseError(f"the result has shape {result.shape}; expected {shape}")
    if result.dtype.kind == "f" and not np.isfinite(result if seen is None else result[seen]).all():
        raise PromiseError("the result isn't finite where pixels are seen")


def _seen(image: np.ndarray, channel_axis: int | None, mask: np.ndarray | None) -> np.ndarray:
    finite = np.isfinite(image) if image.dtype.kind == "f" else np.ones(image.shape, bool)
    finite = finite if channel_axis is None else finite.all(-1)
    return np.asarray(finite if mask is None else finite & mask)


def denoise(random: Any, image: np.ndarray, channel_axis: Any, mask: Any) -> None:
    """Finite, bit-identical on one thread and in another layout, and within the image's span for grey images."""
    settings = {
        "net": str(random.choice(NETS)),
        "channel_axis": channel_axis,
        "mask": mask,
        "dtype": random.choice([None, "same"]),
        "strength": float(random.choice([1, 1, 0, 0.3, 5, 1e6])),
        "sigma": random.choice([None, None, 0.1, 1e-9, 1e6]),
    }
    result = pkn.denoise(image, **settings)
    seen = _seen(image, channel_axis, mask)
    _check(result, image.shape, seen)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        again = pkn.denoise(image.copy(), **settings)
    finally:
        numba.set_num_threads(threads)
    if again.tobytes() != result.tobytes():
        raise PromiseError("another layout or number of threads gives other bits")
    if channel_axis is None and settings["net"] != "free-kernel":
        _check_span(result[seen], _as_floats(image)[seen])


def _as_floats(image: np.ndarray) -> np.ndarray:
    kind = image.dtype.newbyteorder("=")
    return image.astype(float) / (np.iinfo(kind).max if kind in (np.uint8, np.uint16) else 1)


def _check_span(result: np.ndarray, values: np.ndarray) -> None:
    result = _as_floats(result)
    if not result.size:
        return
    slack = TOLERANCE * max(float(np.abs(values).max()), 1e-30) + (0.5 if values.dtype.kind != "f" else 0)
    if result.min() < values.min() - slack or result.max() > values.max() + slack:
        raise PromiseError(f"{result.min()} to {result.max()} of an image of {values.min()} to {values.max()}")


def predict_maps(random: Any, image: np.ndarray, channel_axis: Any, mask: Any) -> None:
    """Maps replay what :func:`pkn.denoise` does."""
    net = str(random.choice(NETS))
    maps = pkn.predict_maps(image, net, channel_axis=channel_axis, mask=mask)
    _check(maps.apply(image, mask=mask), image.shape, _seen(image, channel_axis, mask))


def upsample(random: Any, image: np.ndarray, channel_axis: Any, mask: Any) -> None:
    """Of the right size, and finite."""
    scale = float(random.choice([1, 1.3, 2, 3.7]))
    result = pkn.upsample(image, scale=scale, channel_axis=channel_axis)
    sides = [round(side * scale) for side in image.shape[:2]]
    _check(
        result, (*sides, *image.shape[2:]), None if _seen(image, channel_axis, None).all() else np.zeros(sides, bool)
    )


def deconvolve(random: Any, image: np.ndarray, channel_axis: Any, mask: Any) -> None:
    """Of the right size, and finite."""
    blur = random.choice([None, 0.0, 0.7, 2.5, "estimate"])
    blur = blur if blur in (None, "estimate") else float(blur)
    result = pkn.deconvolve(image, blur=blur, channel_axis=channel_axis, mask=mask)
    _check(result, image.shape, _seen(image, channel_axis, mask))


def estimate_noise(random: Any, image: np.ndarray, channel_axis: Any, mask: Any) -> None:
    """Finite numbers of at least 0."""
    noise = pkn.estimate_noise(image, channel_axis=channel_axis, mask=mask)
    numbers = np.array([noise.level, noise.read_noise, noise.correlation, noise.uncertainty, *noise.sigma.ravel()])
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise PromiseError(f"a noise profile of {numbers}")


def apply_filter(random: Any, image: np.ndarray, channel_axis: Any, mask: Any) -> None:
    """Absurd maps: finite where a pixel has weight, and averages stay within the span."""
    kind = FILTERS[random.integers(len(FILTERS))]
    flt: Filter = kind(border=str(random.choice(MODES)))
    size, seen = _size(image, channel_axis), _seen(image, channel_axis, mask)
    maps = {
        name: _absurd(random, limits.valid, flt.plane_shape(name) + flt.map_size(name, size))  # type: ignore[arg-type]
        for name, limits in flt.ranges.items()
    }
    result = flt(image, **maps, channel_axis=channel_axis, mask=mask)
    if isinstance(flt, AnisotropicUpsampling):
        return
    if kind is FreeKernel and not seen.all():
        return  # of absurd logits, seen pixels may weigh less than 2^-126 of one that is not: as good as none
    _check(result, image.shape, seen)
    if flt.convex and channel_axis is None and flt.border != "constant" and kind is not FreeKernel:
        _check_span(result[seen], _as_floats(image)[seen])


def _absurd(random: Any, valid: tuple[float, float], shape: tuple[int, ...]) -> Any:
    low, high = max(valid[0], -1e15), min(valid[1], 1e15)
    with np.errstate(all="ignore"):
        values = [
            np.full(shape, low),
            np.full(shape, high),
            np.clip(np.exp(random.uniform(-60, 30, shape)) * random.choice([-1, 1], shape), low, high),
            random.uniform(max(low, -3), min(high, 3), shape),
        ]
    return values[random.integers(len(values))]


CALLS = {
    function.__name__: function
    for function in (denoise, predict_maps, upsample, deconvolve, estimate_noise, apply_filter)
}

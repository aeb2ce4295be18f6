"""``pkn.debias``: the contrast that a smoothing filter took away, given back by the filter itself."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from pkn.filters.arrays import FULL_RANGE, to_floats
from pkn.restoration.arguments import check_sigma
from pkn.restoration.parameter_maps import ParameterMaps

PROBE = 0.1  # of the noise level: the step of the finite difference

Smooth = Callable[[np.ndarray], np.ndarray]


def debias(
    denoised: Any,
    filter: ParameterMaps | Smooth,  # noqa: A002
    *,
    steps: int | None = None,
    rate: float = 0.5,
    noisy: Any = None,
    sigma: float | None = None,
    most: int = 16,
    rng: Any = None,
) -> np.ndarray:
    """Solve filter(x) = denoised for x, by a few steps x + rate (denoised - filter(x)) from x = denoised.

    With no noise in the steps a constant rate in (0, 1] does (Van Cittert's iteration, Landweber's for a symmetric
    filter). After Qin & Huang 2025 (arXiv 2503.20825), second stage; that a filter is the smoothing to undo is our
    reading. Noise comes back with contrast: ask for few steps, or give ``noisy``, for as many as pay.

    Parameters
    ----------
    denoised : array
        What the filter made of an image; integers are read as fractions of their full range.
    filter : ParameterMaps or callable
        Maps that filtered it, or any function from image to image.
    steps : int, optional
        None chooses them by Stein's unbiased estimate of the error: see :func:`estimated_errors`.
    rate : float
        In (0, 1].
    noisy : array, optional
        What was filtered, for the choice.
    sigma : float, optional
        Its noise level, in image values; by default what the maps were made for.
    most : int
        No more steps than this are chosen.
    rng : None, int or numpy.random.Generator
        Of the probe.

    Returns
    -------
    ndarray of denoised's shape, float64 if that is, else float32
        Not clipped.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    given = _floats("denoised", denoised)
    if noisy is not None and np.shape(noisy) != given.shape:
        raise ValueError(f"noisy has shape {np.shape(noisy)}; expected denoised's {given.shape}")
    if steps is None:
        if noisy is None:
            raise ValueError("steps and noisy are None; expected a number of steps, or the noisy image to choose it by")
        errors = estimated_errors(noisy, filter, sigma=sigma, rate=rate, most=most, rng=rng)
        steps = int(np.argmin(errors))
    _check_whole("steps", steps)
    return next(islice(debiasing_path(given, _function(filter), rate), steps, None))


def estimated_errors(
    noisy: Any,
    filter: ParameterMaps | Smooth,  # noqa: A002
    *,
    sigma: float | None = None,
    rate: float = 0.5,
    most: int = 16,
    rng: Any = None,
) -> np.ndarray:
    """Mean squared errors that are expected after 0 ... ``most`` steps, (most + 1,), without the clean image.

    Stein's unbiased estimate (1981) for white Gaussian noise, its divergence by one random probe (Ramani, Blu & Unser
    2008). It takes the maps as given; where they came from the noise themselves, as guides of the pyramid do, it is too
    hopeful.
    """
    given, smooth = _floats("noisy", noisy), _function(filter)
    _check_whole("most", most)
    if sigma is None and isinstance(filter, ParameterMaps):
        sigma = filter.provenance.get("sigma")
    if sigma is None or np.ndim(sigma) or not float(check_sigma(sigma)[0]) > 0:  # type: ignore[index]
        raise ValueError(f"sigma is {sigma!r}; expected a noise level above 0, in image values")
    probe = np.random.default_rng(rng).choice(np.array([-1, 1], given.dtype), given.shape)
    step = given.dtype.type(PROBE * sigma)
    paths = (debiasing_path(smooth(start), smooth, rate) for start in (given, given + step * probe))
    errors = []
    for x, moved in islice(zip(*paths, strict=True), most + 1):
        divergence = float(np.nanmean(probe * (moved - x), dtype=np.float64) / step)
        errors.append(float(np.nanmean((x - given) ** 2, dtype=np.float64)) + sigma**2 * (2 * divergence - 1))
    return np.array(errors)


def debiasing_path(given: np.ndarray, smooth: Smooth, rate: float = 0.5) -> Iterator[np.ndarray]:
    """``given``, and what it is after each step of :func:`debias`, without end."""
    if not (isinstance(rate, int | float) and 0 < rate <= 1):
        raise ValueError(f"rate is {rate!r}; expected a number in (0, 1]")
    x, share = given.copy(), given.dtype.type(rate)
    while True:
        yield x
        x = x + share * (given - smooth(x))


def _check_whole(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(f"{name} is {value!r}; expected a whole number, 0 or more")


def _function(filter: ParameterMaps | Smooth) -> Smooth:  # noqa: A002
    if isinstance(filter, ParameterMaps):
        return filter.apply
    if not callable(filter):
        raise TypeError(f"filter is {type(filter).__name__}; expected ParameterMaps or a function of an image")
    return filter


def _floats(name: str, image: Any) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype not in FULL_RANGE and image.dtype.kind != "f":
        raise TypeError(f"{name} has dtype {image.dtype}; expected uint8, uint16 or floats")
    return to_floats(image)

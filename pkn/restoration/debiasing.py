"""Debiasing: the contrast that a smoothing filter removed is restored by applying the filter again."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from pkn.filters.arrays import FULL_RANGE, as_array, check_whole_number, to_floats
from pkn.restoration.arguments import check_sigma
from pkn.restoration.denoising import predict_maps
from pkn.restoration.parameter_maps import ParameterMaps

PROBE = 0.1  # step of the finite difference, as a factor of the noise level

Smooth = Callable[[np.ndarray], np.ndarray]


def debias(
    denoised: Any,
    filter: ParameterMaps | Smooth,  # noqa: A002
    *,
    steps: int | None = None,
    rate: float = 0.5,
    noisy: Any = None,
    sigma: float | None = None,
    net: Any = None,
    most: int = 16,
    rng: Any = None,
) -> np.ndarray:
    """Solve filter(x) = denoised for x, by a few steps x + rate (denoised - filter(x)) from x = denoised.

    This is Van Cittert's iteration (Landweber's for a symmetric filter) with a constant rate, which suffices since the
    steps are deterministic. It follows the second stage of Qin & Huang 2025 (arXiv 2503.20825); to take a filter for
    the smoothing that is undone is our interpretation. Contrast is restored, and noise with it: take few steps, or give
    ``noisy`` to choose the number of steps with the least expected error.

    Parameters
    ----------
    denoised : array
        The filter's output for an image; uint8 and uint16 are read as fractions of their full range.
    filter : ParameterMaps or callable
        The maps of the filter, or any function from an image to an image.
    steps : int, optional
        Number of steps, at least 0. By default it is chosen by Stein's unbiased risk estimate: see
        :func:`estimated_errors`.
    rate : float
        Step size, in (0, 1].
    noisy : array, optional
        The image before filtering, for the choice of ``steps``.
    sigma : float, optional
        Its noise level, in image values; by default the one that the maps were predicted for.
    net : str, path or MapNet, optional
        The network that set the maps, for the same choice; by default the one that they name.
    most : int
        Largest number of steps to choose from.
    rng : None, int or numpy.random.Generator
        For the random probe of the estimate.

    Returns
    -------
    array of the shape of ``denoised``
        float64 if ``denoised`` is, else float32. Not clipped.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.filters import IsotropicGaussian
    >>> rows, columns = np.mgrid[:60, :80]
    >>> clean = 0.5 + 0.4 * np.sin(columns / 3) * np.cos(rows / 4)
    >>> denoised = IsotropicGaussian(6)(clean, sigma=2.0)
    >>> restored = pkn.debias(denoised, lambda image: IsotropicGaussian(6)(image, sigma=2.0), steps=4)
    >>> [round(float(np.mean((image - clean) ** 2)), 4) for image in (denoised, restored)]
    [0.0035, 0.0002]
    """
    given = _floats("denoised", denoised)
    if noisy is not None and np.shape(noisy) != given.shape:
        raise ValueError(f"noisy has shape {np.shape(noisy)}; expected denoised's {given.shape}")
    if steps is None:
        if noisy is None:
            raise ValueError("steps and noisy are None; expected a number of steps, or the noisy image to choose it by")
        errors = estimated_errors(noisy, filter, sigma=sigma, net=net, rate=rate, most=most, rng=rng)
        steps = int(np.argmin(errors))
    check_whole_number("steps", steps, 0)
    return next(islice(debiasing_path(given, _function(filter), rate), steps, None))


def estimated_errors(
    noisy: Any,
    filter: ParameterMaps | Smooth,  # noqa: A002
    *,
    sigma: float | None = None,
    net: Any = None,
    rate: float = 0.5,
    most: int = 16,
    rng: Any = None,
) -> np.ndarray:
    """Estimate the mean squared errors after 0 to ``most`` steps of :func:`debias`, without the clean image.

    This is Stein's unbiased risk estimate (1981) for white Gaussian noise, with its divergence from one random probe
    (Ramani, Blu & Unser 2008). Maps depend on the noise, so their network is asked again for the image with the probe:
    on photographs with noise of 5 to 25/255 the estimate is then within 0.25 dB of the true error, and the best number
    of steps is found. With maps held fixed, steps of -2.8 dB were chosen.

    Parameters
    ----------
    noisy, filter, sigma, net, rate, most, rng
        As in :func:`debias`.

    Returns
    -------
    array of shape (most + 1,)

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    given, smooth = _floats("noisy", noisy), _function(filter)
    check_whole_number("most", most, 0)
    if sigma is None and isinstance(filter, ParameterMaps):
        sigma = filter.provenance.get("sigma")
    if sigma is None or np.ndim(sigma) or not float(check_sigma(sigma)[0]) > 0:  # type: ignore[index]
        raise ValueError(f"sigma is {sigma!r}; expected a noise level above 0, in image values")
    probe = np.random.default_rng(rng).choice(np.array([-1, 1], given.dtype), given.shape)
    step = given.dtype.type(PROBE * sigma)
    moved = given + step * probe
    smooth_moved = _moved(filter, given, moved, net).apply if isinstance(filter, ParameterMaps) else smooth
    pairs = ((given, smooth), (moved, smooth_moved))
    paths = (debiasing_path(function(start), function, rate) for start, function in pairs)
    errors = []
    for x, perturbed in islice(zip(*paths, strict=True), most + 1):
        divergence = float(np.nanmean(probe * (perturbed - x), dtype=np.float64) / step)
        errors.append(float(np.nanmean((x - given) ** 2, dtype=np.float64)) + sigma**2 * (2 * divergence - 1))
    return np.array(errors)


def debiasing_path(given: np.ndarray, smooth: Smooth, rate: float = 0.5) -> Iterator[np.ndarray]:
    """Yield ``given``, and then, without end, the image after each step of :func:`debias`."""
    if not (isinstance(rate, int | float) and 0 < rate <= 1):
        raise ValueError(f"rate is {rate!r}; expected a number in (0, 1]")
    x, step_size = given.copy(), given.dtype.type(rate)
    while True:
        yield x
        x = x + step_size * (given - smooth(x))


def _moved(maps: ParameterMaps, noisy: np.ndarray, moved: np.ndarray, net: Any) -> ParameterMaps:
    """The maps of the noisy image, changed as the network changes them for the one beside it."""
    net = maps.provenance.get("net", "none") if net is None else net
    if isinstance(net, str) and net.startswith("none"):  # no network set them: they hardly depend on the noise
        return maps
    sigma, strength = maps.provenance.get("sigma"), maps.provenance.get("strength", 1.0)
    options: dict[str, Any] = {
        "sigma": sigma if maps.provenance.get("sigma_given") else None,
        "strength": 1.0 if isinstance(strength, str) else strength,
        "channel_axis": maps.channel_axis,
    }
    before, after = (predict_maps(image, net, **options) for image in (noisy, moved))
    if before.filter != maps.filter:
        raise ValueError(
            f"net is {net!r}, of {before.filter}; expected the network that set the maps, of {maps.filter}"
        )

    return maps.replace(**{name: _shifted(maps, name, after[name] - before[name]) for name in maps})


def _shifted(maps: ParameterMaps, name: str, change: np.ndarray) -> np.ndarray:
    """A map with a change, within the range that networks predict, or that the map has."""
    values, limits = maps[name], maps.ranges[name]
    shifted: np.ndarray = np.clip(values + change, np.minimum(limits.low, values), np.maximum(limits.high, values))
    return shifted


def _function(filter: ParameterMaps | Smooth) -> Smooth:  # noqa: A002
    if isinstance(filter, ParameterMaps):
        return filter.apply
    if not callable(filter):
        raise TypeError(f"filter is {type(filter).__name__}; expected ParameterMaps or a function of an image")
    return filter


def _floats(name: str, image: Any) -> np.ndarray:
    image = as_array(image)
    if image.dtype not in FULL_RANGE and image.dtype.kind != "f":
        raise TypeError(f"{name} has dtype {image.dtype}; expected uint8, uint16 or floats")
    return to_floats(image)

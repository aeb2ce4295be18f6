"""Published schedules of degradations by name, and conversion between degradations and JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from torch import Tensor

from pkn.degradations.kinds import (
    Animorphosis,
    Blur,
    CameraNoise,
    Degradation,
    Desaturation,
    Inpainting,
    Noise,
    Snow,
    SuperResolution,
)

# By degradation and data set (Bansal et al. 2022, arXiv 2208.09392). "-code" is what the paper's code computes, held
# against it by tests; the others follow the paper's text, and are ours in what it leaves open. "ours" is not published.
# The code's images have 32 px for MNIST and CIFAR-10, 128 px for CelebA; its masks lie a pixel further up and left.
PRESETS: dict[tuple[str, str], Degradation] = {
    ("blur", "mnist"): Blur((7.0,) * 40),
    ("blur", "mnist-code"): Blur((7.0,) * 20, border="wrap"),
    ("blur", "cifar10"): Blur(tuple(0.01 * t + 0.35 for t in range(50))),
    ("blur", "celeba"): Blur(tuple(0.01 * t for t in range(1, 201)), 15),
    ("blur", "celeba-code"): Blur(tuple(np.exp(0.01 * np.arange(200)).tolist()), 15),
    ("blur", "generation"): Blur(tuple(np.exp(0.01 * np.arange(300)).tolist()), 27, "wrap", to_mean=True),
    ("inpainting", "mnist"): Inpainting(),
    ("inpainting", "mnist-code"): Inpainting(1.1),
    ("inpainting", "cifar10"): Inpainting(),
    ("inpainting", "cifar10-code"): Inpainting(1.1),
    ("inpainting", "celeba"): Inpainting(1.0, 0.2, 100, centred=True),
    ("inpainting", "generation"): Inpainting(1.0, 0.05, 750, centred=True, coloured=True),
    ("inpainting", "generation-code"): Inpainting(0.05, 0.05, 750, centred=True, coloured=True, inward=True),
    ("super-resolution", "mnist"): SuperResolution(3),
    ("super-resolution", "mnist-code"): SuperResolution(3, "bicubic"),
    ("super-resolution", "cifar10"): SuperResolution(3),
    ("super-resolution", "cifar10-code"): SuperResolution(3, "bicubic"),
    ("super-resolution", "celeba"): SuperResolution(6),
    ("super-resolution", "celeba-code"): SuperResolution(4, "bicubic"),
    ("snow", "cifar10"): Snow(),
    ("snow", "cifar10-code"): Snow(as_published=True),
    ("snow", "celeba"): Snow(threshold=(1.15, 0.55), motion=(0.05, 20.0)),
    ("snow", "celeba-code"): Snow(threshold=(1.15, 0.55), motion=(0.05, 20.0), as_published=True),
    ("desaturation", "cifar10"): Desaturation(),
    ("desaturation", "cifar10-code"): Desaturation(grey="mean"),
    ("desaturation", "celeba"): Desaturation(),
    ("desaturation", "celeba-code"): Desaturation(grey="mean"),
    ("noise", "celeba"): Noise(),
    ("animorphosis", "celeba"): Animorphosis(),
    ("camera", "ours"): CameraNoise(),
}
_KINDS = {kind.__name__: kind for kind in {type(preset) for preset in PRESETS.values()}}


def find_preset(degradation: str, data: str) -> Degradation:
    """A published degradation (Bansal et al. 2022, arXiv 2208.09392).

    Parameters
    ----------
    degradation : str
        "blur", "inpainting", "super-resolution", "snow", "desaturation", "noise", "animorphosis" or "camera".
    data : str
        The data set that it was published for: "mnist", "cifar10", "celeba", "generation", or one of these with "-code"
        for exactly what the paper's code computes, on images of its size; "ours" for "camera".

    Returns
    -------
    Degradation

    Raises
    ------
    ValueError
        If there is none by these names.

    Examples
    --------
    >>> from pkn.degradations.presets import find_preset
    >>> find_preset("inpainting", "mnist")
    Inpainting(start=1.0, growth=0.1, steps=50, centred=False, coloured=False, inward=False)
    >>> find_preset("blur", "mnist").steps
    40
    """
    if (degradation, data) not in PRESETS:
        names = ", ".join(" ".join(pair) for pair in PRESETS)
        raise ValueError(f"preset is {degradation!r} for {data!r}; expected one of {names}")
    return PRESETS[degradation, data]


def with_settings(degradation: Any, numbers: Mapping[str, Any]) -> Degradation:
    """A copy of a degradation with other parameters.

    Parameters
    ----------
    degradation : Degradation
    numbers : mapping of str to number, bool, str or sequence
        Parameters by name. Lists become tuples.

    Returns
    -------
    Degradation

    Raises
    ------
    ValueError
        If it has no parameter of a name, or a value is not valid.

    Examples
    --------
    >>> from pkn.degradations.presets import find_preset, with_settings
    >>> with_settings(find_preset("super-resolution", "mnist"), {"steps": 2})
    SuperResolution(steps=2, colour='mean')
    """
    names = to_config(degradation).keys() - {"kind"}
    if unknown := numbers.keys() - names:
        came, expected = unknown.pop(), ", ".join(sorted(names))
        raise ValueError(f"{type(degradation).__name__} has no number {came!r}; expected one of {expected}")
    result: Degradation = replace(degradation, **_tuples(numbers))
    return result


def to_config(degradation: Any) -> dict[str, Any]:
    """Kind and parameters of a degradation, as JSON represents them; images of another set are left out."""
    numbers = {name: value for name, value in asdict(degradation).items() if name != "others"}
    return {"kind": type(degradation).__name__, **json.loads(json.dumps(numbers))}


def build_degradation(description: Mapping[str, Any], others: Tensor | None = None) -> Degradation:
    """Build a degradation from what :func:`to_config` returned.

    Parameters
    ----------
    description : mapping
        With the key "kind", and the parameters.
    others : Tensor of shape (M, C, H, W), optional
        Images of another set in [-1, 1], for Animorphosis.

    Returns
    -------
    Degradation

    Raises
    ------
    ValueError
        If there is no such kind or parameter, or ``others`` are given for another kind.
    """
    numbers = dict(description) if isinstance(description, Mapping) else {}
    kind = _KINDS.get(numbers.pop("kind", None))
    if kind is None:
        raise ValueError(f"degradation is {description}; expected a kind of {', '.join(sorted(_KINDS))}")
    if others is not None and kind is not Animorphosis:
        raise ValueError(f"others is a set of images; expected None for {kind.__name__} (Animorphosis takes it)")
    built: Any = with_settings(kind(**{"deviations": (1.0,)} if kind is Blur else {}), numbers)
    result: Degradation = replace(built, others=others) if kind is Animorphosis else built
    return result


def _tuples(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()}

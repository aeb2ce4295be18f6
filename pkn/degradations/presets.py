"""Published schedules of degradations, by name; and degradations as weights files describe them."""

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

# Degradation, data set (Bansal et al. 2022). Where the paper and its code differ, "-code" is the code's; "ours" is no
# published one.
PRESETS: dict[tuple[str, str], Degradation] = {
    ("blur", "mnist"): Blur((7.0,) * 40),
    ("blur", "mnist-code"): Blur((7.0,) * 20),
    ("blur", "cifar10"): Blur(tuple(0.01 * t + 0.35 for t in range(50))),
    ("blur", "celeba"): Blur(tuple(0.01 * t for t in range(1, 201)), 15),
    ("blur", "celeba-code"): Blur(tuple(np.exp(0.01 * np.arange(200)).tolist()), 15),
    ("blur", "generation"): Blur(tuple(np.exp(0.01 * np.arange(300)).tolist()), 27, "wrap", to_mean=True),
    ("inpainting", "mnist"): Inpainting(),
    ("inpainting", "cifar10"): Inpainting(),
    ("inpainting", "celeba"): Inpainting(1.0, 0.2, 100, centred=True),
    ("inpainting", "generation"): Inpainting(1.0, 0.05, 750, centred=True, coloured=True),
    ("super-resolution", "mnist"): SuperResolution(3),
    ("super-resolution", "cifar10"): SuperResolution(3),
    ("super-resolution", "celeba"): SuperResolution(6),
    ("super-resolution", "celeba-code"): SuperResolution(4),
    ("snow", "cifar10"): Snow(),
    ("snow", "celeba"): Snow(threshold=(1.15, 0.55), motion=(0.05, 20.0)),
    ("desaturation", "cifar10"): Desaturation(),
    ("desaturation", "celeba"): Desaturation(),
    ("noise", "celeba"): Noise(),
    ("animorphosis", "celeba"): Animorphosis(),
    ("camera", "ours"): CameraNoise(),
}
_KINDS = {kind.__name__: kind for kind in {type(preset) for preset in PRESETS.values()}}


def find_preset(degradation: str, data: str) -> Degradation:
    """A schedule.

    Raises
    ------
    ValueError
        If there is none by these names.
    """
    if (degradation, data) not in PRESETS:
        names = ", ".join(" ".join(pair) for pair in PRESETS)
        raise ValueError(f"there is no schedule for {degradation!r} and {data!r}; expected one of {names}")
    return PRESETS[degradation, data]


def with_settings(degradation: Any, numbers: Mapping[str, Any]) -> Degradation:
    """The same with other numbers.

    Raises
    ------
    ValueError
        If it has none of that name.
    """
    names = to_config(degradation).keys() - {"kind"}
    if unknown := numbers.keys() - names:
        came, expected = unknown.pop(), ", ".join(sorted(names))
        raise ValueError(f"{type(degradation).__name__} has no number {came!r}; expected one of {expected}")
    result: Degradation = replace(degradation, **_tuples(numbers))
    return result


def to_config(degradation: Any) -> dict[str, Any]:
    """Kind and numbers, as JSON reads them; images of another set are left out."""
    numbers = {name: value for name, value in asdict(degradation).items() if name != "others"}
    return {"kind": type(degradation).__name__, **json.loads(json.dumps(numbers))}


def build_degradation(description: Mapping[str, Any], others: Tensor | None = None) -> Degradation:
    """What was described, with images of another set (M, C, H, W) where it wants them.

    Raises
    ------
    ValueError
        If there is no such kind or number.
    """
    numbers = dict(description) if isinstance(description, Mapping) else {}
    kind = _KINDS.get(numbers.pop("kind", None))
    if kind is None:
        raise ValueError(f"degradation is {description}; expected a kind of {', '.join(sorted(_KINDS))}")
    if others is not None and kind is not Animorphosis:
        raise ValueError(f"others are given; expected none for {kind.__name__}, only for Animorphosis")
    made: Any = with_settings(kind(**{"deviations": (1.0,)} if kind is Blur else {}), numbers)
    result: Degradation = replace(made, others=others) if kind is Animorphosis else made
    return result


def _tuples(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()}

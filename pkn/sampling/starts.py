"""Where the chains of a sampler begin: in noise, between the noises of two seeds, or in a photograph with noise."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.degradations.mixtures import STRAIGHT
from pkn.filters.arrays import check_mask, to_floats
from pkn.sampling.batching import Generators, standard_normal

STRENGTH = 0.5  # of a photograph without a mask


class Start(NamedTuple):
    """The chains' beginning, of as many images as there are chains, or of one for all.

    Parameters
    ----------
    time : float
        At which they begin: 1 is noise.
    noise : Tensor of shape (N, C, H, W), optional
        By default each chain draws its own.
    image : Tensor of shape (N or 1, C, H, W), optional
        In [-1, 1], noised up to ``time``.
    known : bool Tensor of shape (1, H, W), optional
        The pixels that stay those of the image.
    """

    time: float = 1.0
    noise: Tensor | None = None
    image: Tensor | None = None
    known: Tensor | None = None

    def part(self, chains: slice) -> "Start":
        """Of some of the chains."""
        noise, image = (each if each is None or len(each) == 1 else each[chains] for each in (self.noise, self.image))
        return self._replace(noise=noise, image=image)

    def state(self, rngs: Generators, shape: Sequence[int]) -> Tensor:
        """The chains' first states (N, C, H, W)."""
        noise = standard_normal(rngs, shape) if self.noise is None else self.noise
        return noise if self.image is None else STRAIGHT.state(self.image, noise, self.time)

    def keep(self, x0: Tensor) -> Tensor:
        """A predicted image with the known pixels in their place."""
        if self.known is None or self.image is None:
            return x0
        return torch.where(self.known.to(x0.device), self.image.to(x0.device), x0)


def check_start(
    n: int, size: tuple[int, int, int], solver: str, image: Any, mask: Any, strength: Any, between: Any
) -> Start:
    """The start that :func:`pkn.sample` is asked for, of ``n`` chains of images of ``size`` (H, W, C).

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    if image is None and (mask is not None or strength is not None):
        name, value = ("mask", "given") if mask is not None else ("strength", strength)
        raise ValueError(f"{name} is {value} without an image; expected image= as well")
    noise = None if between is None else _between(between, n, size, solver)
    if image is None:
        return Start(noise=noise)
    if strength is None:
        strength = STRENGTH if mask is None else 1.0
    if not 0 < strength <= 1:
        raise ValueError(f"strength is {strength}; expected more than 0 and at most 1")
    known = check_mask(mask, *size[:2])
    return Start(float(strength), noise, _images(image, n, size), None if known is None else torch.from_numpy(known))


def _images(image: Any, n: int, size: tuple[int, int, int]) -> Tensor:
    values = to_floats(np.asarray(image)).astype(np.float32)
    if size[2] == 1 and values.shape[-2:] == size[:2]:
        values = values[..., None]
    if values.shape not in (size, (n, *size)):
        raise ValueError(f"image has shape {values.shape}; expected {size}, or {(n, *size)} for {n} images")
    if not np.isfinite(values).all():
        raise ValueError("image has values that aren't finite; expected them from 0 to 1")
    return torch.from_numpy(2 * values.reshape(-1, *size).transpose(0, 3, 1, 2) - 1)


def _between(seeds: Any, n: int, size: tuple[int, int, int], solver: str) -> Tensor:
    """The noise of ``n`` chains on the great circle from the first image of one seed to that of another."""
    if solver == "ancestral":
        raise ValueError("solver is 'ancestral', which draws noise at every step; expected euler or heun with between")
    if n < 2 or np.shape(seeds) != (2,):
        raise ValueError(f"between is {seeds!r} for n = {n} images; expected two seeds, and two images or more")
    height, width, channels = size
    first, last = (
        standard_normal(np.random.default_rng(int(each)).spawn(1), (channels, height, width)) for each in seeds
    )
    cosine = torch.nn.functional.cosine_similarity(first.flatten(), last.flatten(), 0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle < 1e-3:  # the same seed
        return first.repeat(n, 1, 1, 1)
    part = torch.linspace(0, 1, n)[:, None, None, None]
    return (((1 - part) * angle).sin() * first + (part * angle).sin() * last) / angle.sin()

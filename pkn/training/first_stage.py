"""Training of networks that are given what a denoiser left: to enlarge or to sharpen, as in use."""

from typing import Any

import numpy as np
from torch import Tensor

from pkn.degradations.sample import Sample
from pkn.degradations.tasks import Deblur, Upsample
from pkn.nets import Predictor
from pkn.restoration import deconvolution, upsampling
from pkn.restoration.first_stage import Shares, partly_denoised

TASKS: dict[str, tuple[type[Deblur | Upsample], Shares]] = {
    "upsample": (Upsample, upsampling.SHARES),
    "deblur": (Deblur, deconvolution.SHARES_OF_NETWORK),
}
# What the denoiser is told of the noise is wrong by a random factor and by a random summand, as estimates are.
FACTOR, SUMMAND = 0.1, 0.5 / 255


class AfterDenoising:
    """A task whose images are partly denoised first; the network is told what noise is left.

    Parameters
    ----------
    name : {"upsample", "deblur"}
    denoiser : Predictor

    Raises
    ------
    ValueError
        For another task.
    """

    def __init__(self, name: str, denoiser: Predictor) -> None:
        if name not in TASKS:
            raise ValueError(f"task is {name!r}; expected one of {', '.join(TASKS)} after a denoiser")
        kind, self.shares = TASKS[name]
        self.task = kind()
        self.denoiser, self.checks = denoiser, self.task.checks

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        return self.task.draw(random, number)

    def degrade(self, clean: np.ndarray, random: np.random.Generator, sigma: Any, **settings: Any) -> Sample:
        sample = self.task.degrade(clean, random, sigma=sigma, **settings)
        wrong = np.exp(random.normal(0, FACTOR, len(clean))), np.abs(random.normal(0, SUMMAND, len(clean)))
        told = np.broadcast_to(sigma, len(clean)) * wrong[0] + wrong[1]
        grey = self.denoiser.channels == 1
        parts = [
            partly_denoised(
                given[0] if grey else given, self.shares, self.denoiser, sigma=level, channel_axis=None if grey else 0
            )
            for given, level in zip(sample.given, told, strict=True)
        ]
        images = np.stack([part.image for part in parts])
        left = np.array([part.sigma for part in parts], np.float32)
        return Sample(images[:, None] if grey else images, sample.truth, left)

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        return self.task.baseline_error(clean, given, **settings)

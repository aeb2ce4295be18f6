"""Cold Diffusion (Bansal et al. 2022, arXiv 2208.09392): restoring from any degradation, and generating by it.

The parts are a degradation D(x, t), a restorer that predicts x from D(x, t), and the step of a sampler between them
(:mod:`pkn.sampling.samplers`). Denoising diffusion differs by its degradation alone, which is noise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pkn.degradations.base import times
from pkn.degradations.blur import Blur
from pkn.degradations.mixtures import Degrade
from pkn.degradations.presets import build_degradation, to_config
from pkn.filters.arrays import check_whole_number
from pkn.io.datasets import read_set
from pkn.io.tensors import to_tensor
from pkn.nets.registry import load_restorer
from pkn.nets.weights import read_header
from pkn.pretrained import bundled_path
from pkn.sampling.batching import batch_generator, in_batches
from pkn.sampling.samplers import Step, algorithm_1, algorithm_2, deterministic, trajectory
from pkn.sampling.terminal_distribution import TerminalDistribution

BATCH = 125  # images at once
SYMMETRY_BREAKING = 0.002  # standard deviation of the noise that is added to a start of equal pixels (published)
ALGORITHMS = ("algorithm_2", "algorithm_1", "estimated")


@dataclass(frozen=True)
class ColdModel:
    """A restorer, the degradation that it was trained on, and the distribution of fully degraded images.

    Parameters
    ----------
    net : torch.nn.Module
        Takes images (N, C, H, W) in [-1, 1] and t / T (N,), and predicts the clean images.
    degradation : Degradation
        D(x, t), t = 0 ... T.
    regularization : float, optional
        For blur only. If given, the network sees :meth:`pkn.degradations.blur.Blur.regularized_inverse` of the blurred
        image instead of the image itself, and adds only what blur removed entirely, so that its prediction, blurred, is
        the blurred image that was given.
    terminal_distribution : TerminalDistribution, optional
        The distribution of images at T, from which new images start.
    half : bool
        Whether the network computes in bfloat16 where that is safe.

    Raises
    ------
    ValueError
        If ``regularization`` isn't a number above 0, or the degradation isn't blur.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Blur
    >>> blur = Blur((0.5, 0.5), side=5)
    >>> image = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    >>> blurred = blur.sample(image, torch.Generator())(image, 2)
    >>> model = ColdModel(lambda x, t: x, blur, regularization=1e-6)
    >>> bool((model.restore(blurred, 2) - image).abs().max() < 1e-3)  # so little blur is inverted by linear algebra
    True
    """

    net: Any
    degradation: Any
    regularization: float | None = None
    terminal_distribution: TerminalDistribution | None = None
    half: bool = False

    def __post_init__(self) -> None:
        if self.regularization is None:
            return
        if not (isinstance(self.regularization, int | float) and 0 < self.regularization < float("inf")):
            raise ValueError(f"regularization is {self.regularization!r}; expected a number above 0")
        if not isinstance(self.degradation, Blur):
            raise ValueError(
                f"regularization is {self.regularization}; expected none for {type(self.degradation).__name__}, only "
                "for Blur"
            )

    def restore(self, x: Tensor, t: float | Tensor) -> Tensor:
        """Predict the clean images behind x (N, C, H, W) at t, one number or (N,)."""
        t = torch.as_tensor(t, device=x.device).expand(len(x))
        inputs = x if self.regularization is None else self.degradation.regularized_inverse(x, t, self.regularization)
        half = self.half or torch.is_autocast_enabled(x.device.type)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            predicted: Tensor = self.net(inputs.float(), t.float() / self.degradation.steps)
        return predicted.to(x) if self.regularization is None else self._consistent(predicted.to(x), x, t)

    def _consistent(self, predicted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Take the frequencies that blur kept from x, as Wang et al. 2022 (arXiv 2212.00490) do."""
        blurred = self.degradation.sample(predicted, torch.Generator())(predicted, t)
        correction: Tensor = self.degradation.regularized_inverse(x - blurred, t, self.regularization)
        return predicted + correction

    def to_config(self) -> dict[str, Any]:
        """All but the network, as JSON stores it in the header of a weights file (whose keys are older names)."""
        terminal = self.terminal_distribution
        return {
            "degradation": to_config(self.degradation),
            "floor": self.regularization,
            "ends": None if terminal is None else asdict(terminal),
        }


class ColdState(NamedTuple):
    """After a step: the time, the state x, and the predicted image; both (N, C, H, W), images in [-1, 1]."""

    t: float
    x: Tensor
    predicted: Tensor


def states(
    model: ColdModel, x: Tensor, degrade: Degrade, *, algorithm: str = "algorithm_2", steps: int | None = None
) -> Iterator[ColdState]:
    """Restore ``x`` from T to t = 0, step by step, in float64, because small differences add up.

    Parameters
    ----------
    model : ColdModel
    x : Tensor of shape (N, C, H, W)
        The images at T.
    degrade : callable
        ``degrade(x0, t)`` is D(x0, t), with the random numbers that ``x`` was degraded by.
    algorithm : {"algorithm_2", "algorithm_1", "estimated"}
        Algorithm 2 of Bansal et al. 2022; Algorithm 1; and, for noise and animorphosis, Algorithm 2 with the noise (or
        the other image) that is estimated in each step, which is DDIM.
    steps : int, optional
        T by default. With "algorithm_1", 1 is direct restoration.

    Yields
    ------
    ColdState

    Raises
    ------
    ValueError
        For an unknown algorithm, or ``steps`` that isn't a whole number of 1 or more.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Desaturation
    >>> image = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    >>> model = ColdModel(lambda x, t: image, Desaturation(2))
    >>> degrade = model.degradation.sample(image, torch.Generator())
    >>> for state in states(model, degrade(image, 2), degrade):
    ...     print(state.t, round(float((state.x - image).abs().max()), 2))
    1.0 0.23
    0.0 0.0
    """
    step = _make_step(algorithm, degrade, model.degradation)
    steps = None if steps is None else check_whole_number("steps", steps)
    if steps is not None and model.regularization is not None and steps > model.degradation.steps:
        raise ValueError(
            f"steps is {steps}; expected at most {model.degradation.steps}, because blur is inverted at whole times"
        )
    path = times(model.degradation.steps, steps)
    for t, (x_t, predicted) in zip(path[1:], trajectory(model.restore, step, x.double(), path), strict=True):
        yield ColdState(t, x_t, predicted)


def _make_step(algorithm: str, degrade: Degrade, degradation: Any) -> Step:
    if algorithm == "estimated":
        mixture = getattr(degradation, "mixture", None)
        if mixture is None:
            raise ValueError(
                f"algorithm is 'estimated'; expected algorithm_2 or algorithm_1 for {type(degradation).__name__}"
            )
        return deterministic(mixture)
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm is {algorithm!r}; expected one of {', '.join(ALGORITHMS)}")
    return (algorithm_2 if algorithm == "algorithm_2" else algorithm_1)(degrade)


def restorations(
    model: ColdModel,
    clean: Tensor,
    ways: Sequence[tuple[str, int | None] | tuple[str, int]],
    *,
    rng: int = 0,
    threads: int = 1,
) -> list[Tensor]:
    """Degrade images to T and restore them.

    Parameters
    ----------
    model : ColdModel
    clean : Tensor of shape (N, C, H, W)
        Images in [-1, 1].
    ways : sequence of (algorithm, steps)
        How to restore them, as in :func:`states`.
    rng : int
        Seed of the degradation.
    threads : int
        Batches at a time.

    Returns
    -------
    list of Tensors of shape (N, C, H, W)
        The images at T, then the restored images of each of the ``ways``.
    """

    @torch.inference_mode()
    def process(number: int, batch: Tensor) -> list[Tensor]:
        degrade = model.degradation.sample(batch, batch_generator(rng, number))
        x = degrade(batch, model.degradation.steps)
        return [x, *(_last(model, x, degrade, algorithm=algorithm, steps=steps) for algorithm, steps in ways)]

    batches = in_batches(process, threads, count(), torch.split(clean, BATCH))
    return [torch.cat(images) for images in zip(*batches, strict=True)]


def generated(
    model: ColdModel, n: int, *, rng: int = 0, noise: float = SYMMETRY_BREAKING, threads: int = 1, **options: Any
) -> Tensor:
    """Generate images: starts of :func:`start`, restored with the options of :func:`states`.

    Parameters
    ----------
    model : ColdModel
    n : int
        Number of images.
    rng : int
        Seed.
    noise : float
        Standard deviation of what is added to the start.
    threads : int
        Batches at a time.

    Returns
    -------
    Tensor of shape (n, C, H, W)
        Images in [-1, 1], not clipped.

    Raises
    ------
    ValueError
        If ``n`` isn't a whole number of 1 or more, or as :func:`start` and :func:`states`.
    """
    n = check_whole_number("n", n)
    sizes = [min(BATCH, n - first) for first in range(0, n, BATCH)]

    @torch.inference_mode()
    def process(number: int, size: int) -> Tensor:
        return _last(model, *start(model, size, batch_generator(rng, number), noise), **options)

    return torch.cat(list(in_batches(process, threads, count(), sizes)))


def start(
    model: ColdModel, n: int, generator: torch.Generator, noise: float = SYMMETRY_BREAKING
) -> tuple[Tensor, Degrade]:
    """Draw states at T, from which images are generated.

    Where a degradation leaves a grid of colours, grids are drawn from the model's terminal distribution, a mixture of
    Gaussians that was fitted to the training images. Elsewhere the degradation draws the state itself: noise, a colour,
    an image of another set.

    Parameters
    ----------
    model : ColdModel
    n : int
        Number of states.
    generator : torch.Generator
    noise : float
        Standard deviation of white noise that is added: it breaks the symmetry of equal pixels.

    Returns
    -------
    x : Tensor of shape (n, C, H, W)
    degrade : callable
        ``degrade(x0, t)`` with the same random numbers.

    Raises
    ------
    ValueError
        If images at T are still images, whose distribution isn't known.
    """
    settings = model.net.settings
    shape = (n, settings.channels, settings.size, settings.size)
    terminal_size, terminal = model.degradation.terminal_size(settings.size), model.terminal_distribution
    if terminal_size is None or (terminal_size and terminal is None):
        raise ValueError(f"{model.degradation} leaves too much of an image at T to make one from nothing")
    base = torch.zeros(shape) if terminal is None else terminal.draw(n, settings.size, generator)
    degrade = model.degradation.sample(base, generator)
    x = degrade(base, model.degradation.steps) if terminal is None else base  # a grid is a state at T already
    return x + noise * torch.randn(shape, generator=generator), degrade


def find_cold_model(model: Any, others: Path | None = None) -> ColdModel:
    """Load the model of a bundled name or of a ``.safetensors`` file of ``pkn train-cold``.

    Parameters
    ----------
    model : str, path or ColdModel
        A model is returned as it is.
    others : path, optional
        Another set of images, for animorphosis, as :func:`pkn.io.datasets.read_set` reads it.

    Raises
    ------
    ValueError
        For an unknown name (with similar ones), or a file that is damaged or of another kind.
    """
    if isinstance(model, ColdModel):
        return model
    path = bundled_path(model, "cold")
    net = load_restorer(path)
    target_images = None if others is None else read_others(others, net.settings.size, net.settings.channels)
    try:
        config = read_header(path)["about"]["plan"]["objective"]
        terminal = None if config["ends"] is None else TerminalDistribution(**config["ends"])
        return ColdModel(net, build_degradation(config["degradation"], target_images), config["floor"], terminal)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"cannot load '{path}' as a restorer of pkn train-cold: {error!r}") from None


def read_others(path: Path, size: int, channels: int) -> Tensor:
    """The images (M, C, size, size) in [-1, 1] that animorphosis turns others into."""
    return to_tensor(read_set(path, channels=channels, size=size).training)


def _last(model: ColdModel, x: Tensor, degrade: Degrade, **options: Any) -> Tensor:
    *_, state = states(model, x, degrade, **options)
    return state.x.float()

"""Samplers: from a start x, step by step, to an image, by a restorer ``restore(x, t)`` that predicts the clean image.

Samplers differ by their step alone: ``step(restore, x, t, s)`` returns x at time s and the predicted clean image. Times
fall to 0, the clean image, from the time at which nothing of it is left: 1 for networks, the number of steps T for
degradations. Steps that take ``degrade(x0, t)`` are for any degradation (Bansal et al. 2022, arXiv 2208.09392); the
others are for a mixture of the image with Gaussian noise.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from torch import Tensor

from pkn.degradations.mixtures import STRAIGHT, Degrade, Mixture

Restore = Callable[[Tensor, float], Tensor]
Step = Callable[[Restore, Tensor, float, float], tuple[Tensor, Tensor]]


def trajectory(restore: Restore, step: Step, x: Tensor, times: Sequence[float]) -> Iterator[tuple[Tensor, Tensor]]:
    """Take a step between each two neighbours in ``times``.

    Parameters
    ----------
    restore : callable
        ``restore(x, t)`` predicts the clean image of the state x at time t.
    step : callable
        For example what :func:`deterministic` or :func:`algorithm_2` returns.
    x : Tensor of shape (N, C, H, W)
        The state at ``times[0]``.
    times : sequence of float
        All times, the first and the last included.

    Yields
    ------
    x, x0 : Tensor
        After each step the state, and the image that was predicted for it.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.mixtures import STRAIGHT
    >>> path = trajectory(lambda x, t: torch.zeros(1), deterministic(STRAIGHT), torch.ones(1), [1.0, 0.5, 0.0])
    >>> [float(x) for x, x0 in path]
    [0.5, 0.0]
    """
    for t, s in pairwise(times):
        x, x0 = step(restore, x, t, s)
        yield x, x0


def algorithm_1(degrade: Degrade) -> Step:
    """D(x0, s): Algorithm 1 of Bansal et al. 2022. Errors of the restorer are degraded, but never corrected.

    Parameters
    ----------
    degrade : callable
        ``degrade(x0, t)`` is D(x0, t).

    Examples
    --------
    >>> import torch
    >>> step = algorithm_1(lambda x0, t: x0 + t)
    >>> step(lambda x, t: torch.tensor([3.0]), torch.tensor([8.0]), 8, 5)[0]  # the error of 3 stays
    tensor([8.])
    """

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        return degrade(x0, s), x0

    return step


def algorithm_2(degrade: Degrade) -> Step:
    """X - D(x0, t) + D(x0, s): Algorithm 2 of Bansal et al. 2022.

    Where D is linear in t, D(x, t) = x + t e, the result doesn't depend on the restorer at all.

    Parameters
    ----------
    degrade : callable
        ``degrade(x0, t)`` is D(x0, t).

    Examples
    --------
    >>> import torch
    >>> step = algorithm_2(lambda x0, t: x0 + t)
    >>> step(lambda x, t: torch.tensor([3.0]), torch.tensor([8.0]), 8, 5)[0]  # whatever the restorer predicts
    tensor([5.])
    """

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        return x - degrade(x0, t) + degrade(x0, s), x0

    return step


def deterministic(mixture: Mixture) -> Step:
    """The DDIM step (Song et al. 2020, arXiv 2010.02502): the estimated noise is kept and mixed in anew at s.

    It is Algorithm 2 with the estimated noise; on ``STRAIGHT`` it is the Euler step as "Generating Cats with KPN
    Filtering" (2025) publishes it: z + (x0 - z) (t - s) / t.

    Parameters
    ----------
    mixture : Mixture
        Shares of the image and of the noise at each time.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.mixtures import STRAIGHT
    >>> x, x0 = deterministic(STRAIGHT)(lambda x, t: torch.zeros(1), torch.ones(1), 1.0, 0.25)
    >>> x
    tensor([0.2500])
    """

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        noise = (x - mixture.signal(t) * x0) / mixture.noise(t)
        return mixture.state(x0, noise, s), x0

    return step


def ancestral(mixture: Mixture, noise: Callable[[], Tensor]) -> Step:
    """The DDPM step (Ho et al. 2020, arXiv 2006.11239): as much noise is drawn anew as the way from s to t adds.

    Parameters
    ----------
    mixture : Mixture
        Shares of the image and of the noise at each time.
    noise : callable
        ``noise()`` draws white noise of the state's shape.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.mixtures import STRAIGHT
    >>> step = ancestral(STRAIGHT, lambda: torch.ones(1))
    >>> step(lambda x, t: torch.zeros(1), torch.zeros(1), 1.0, 0.5)[0]  # at t = 1 all of the noise is renewed
    tensor([0.5000])
    """

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        estimated = (x - mixture.signal(t) * x0) / mixture.noise(t)
        kept = mixture.signal(t) / mixture.signal(s) * mixture.noise(s) / mixture.noise(t)
        return mixture.state(x0, kept * estimated + (1 - kept**2) ** 0.5 * noise(), s), x0

    return step


def heun(restore: Restore, z: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
    """Heun's second-order step on ``STRAIGHT``: the mean of the slopes at t and at s.

    Algorithm 1 of Karras et al. 2022 (arXiv 2206.00364), here for straight paths. The restorer is called twice, except
    in the last step, to s = 0: there the second slope is 0 / 0, and Euler's step is taken.

    Examples
    --------
    >>> import torch
    >>> z, x0 = heun(lambda z, t: torch.zeros(1), torch.ones(1), 1.0, 0.25)
    >>> z
    tensor([0.2500])
    """
    euler, x0 = deterministic(STRAIGHT)(restore, z, t, s)
    if s <= 0:
        return euler, x0
    slope_t, slope_s = (x0 - z) / t, (restore(euler, s) - euler) / s
    return z + (slope_t + slope_s) / 2 * (t - s), x0


def make_step(name: str, noise: Callable[[], Tensor]) -> Step:
    """The step of the solver ``name``, which is ``"euler"``, ``"heun"`` or ``"ancestral"``, on ``STRAIGHT``.

    Raises
    ------
    ValueError
        For another name.
    """
    steps: dict[str, Step] = {
        "euler": deterministic(STRAIGHT),
        "heun": heun,
        "ancestral": ancestral(STRAIGHT, noise),
    }
    if name not in steps:
        raise ValueError(f"solver is {name!r}; expected one of {', '.join(steps)}")
    return steps[name]

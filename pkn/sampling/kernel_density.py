"""Stage 1 of debiasing kernel-based generative models (Qin & Huang 2025, arXiv 2503.20825): kernel density estimates.

A sample of the estimate is a data point, chosen at random, plus Gaussian noise whose standard deviation is the
bandwidth.
"""

from typing import TypeVar

import numpy as np
from torch import Tensor

RULES = ("silverman", "scott", "cross-validated")
FOLDS = 5
CANDIDATES = np.geomspace(0.1, 3.0, 25)  # times Scott's bandwidth, tried by cross-validation
Points = TypeVar("Points", np.ndarray, Tensor)


def bandwidth(data: np.ndarray, rule: str = "silverman") -> float:
    """Standard deviation of the Gaussian kernel around each data point.

    Parameters
    ----------
    data : ndarray of shape (N, D)
        N points.
    rule : {"silverman", "scott", "cross-validated"}
        Silverman 1986 and Scott 1992, for the root mean variance of the dimensions; or, by five folds, the bandwidth of
        25 that gives held-out points the largest likelihood.

    Raises
    ------
    ValueError
        For another rule, another shape, or fewer points than folds.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.random.default_rng(0).standard_normal((1000, 2))
    >>> round(bandwidth(data), 2), round(bandwidth(data, "scott"), 2)
    (0.32, 0.32)
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; expected one of {', '.join(RULES)}")
    if data.ndim != 2 or len(data) < FOLDS:
        raise ValueError(f"data is of shape {data.shape}; expected ({FOLDS} or more, D)")
    number, dimensions = data.shape
    deviation = float(np.sqrt(data.var(0, ddof=1).mean()))
    scott = float(deviation * number ** (-1 / (dimensions + 4)))
    if rule == "scott":
        return scott
    if rule == "silverman":
        return float(scott * (4 / (dimensions + 2)) ** (1 / (dimensions + 4)))
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.neighbors import KernelDensity

    folds = KFold(FOLDS, shuffle=True, random_state=0)
    search = GridSearchCV(KernelDensity(), {"bandwidth": CANDIDATES * scott}, cv=folds).fit(data)
    return float(search.best_params_["bandwidth"])


def kernel_samples(centres: Points, alpha: float, noise: Points) -> Points:
    """Samples ``centres + alpha * noise`` of the estimate with bandwidth ``alpha``.

    Parameters
    ----------
    centres : ndarray or Tensor
        Data points, chosen at random, of any shape; floats.
    alpha : float
        Bandwidth, in the units of the data.
    noise : ndarray or Tensor
        Standard normal noise of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_samples(np.array([1.0, 2.0]), 0.5, np.array([1.0, -2.0]))
    array([1.5, 1. ])
    """
    return centres + alpha * noise


def draw(data: np.ndarray, alpha: float, n: int, random: np.random.Generator) -> np.ndarray:
    """Draw ``n`` samples of the kernel density estimate of ``data``.

    Parameters
    ----------
    data : ndarray of shape (N, ...)
        N points; integers become float32.
    alpha : float
        Bandwidth, in the units of the data.
    n : int
        Number of samples.
    random : numpy.random.Generator
        Chooses the points and draws the noise.

    Returns
    -------
    ndarray of shape (n, ...)

    Examples
    --------
    >>> import numpy as np
    >>> samples = draw(np.array([[-5.0], [5.0]]), 0.5, 1000, np.random.default_rng(0))
    >>> samples.shape, round(float(np.abs(samples).std()), 1)
    ((1000, 1), 0.5)
    """
    chosen: np.ndarray = data[random.integers(len(data), size=n)]
    chosen = chosen if chosen.dtype.kind == "f" else chosen.astype(np.float32)
    return kernel_samples(chosen, alpha, random.standard_normal(chosen.shape).astype(chosen.dtype))

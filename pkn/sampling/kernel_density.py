"""Stage 1 of debiasing kernel-based generative models: samples of a kernel density estimate (Qin & Huang 2025)."""

import numpy as np

RULES = ("silverman", "scott", "cross-validated")
FOLDS = 5
CANDIDATES = np.geomspace(0.1, 3.0, 25)  # times Scott's bandwidth, tried by cross-validation


def bandwidth(data: np.ndarray, rule: str = "silverman") -> float:
    """Standard deviation of the Gaussian around each of N points (N, D).

    Parameters
    ----------
    data : ndarray of shape (N, D)
    rule : {"silverman", "scott", "cross-validated"}
        Silverman 1986 and Scott 1992, for the root mean variance of the dimensions; or the likeliest of 25 for points
        left out, five folds.

    Raises
    ------
    ValueError
        For another rule, or fewer points than folds.
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; expected one of {', '.join(RULES)}")
    if data.ndim != 2 or len(data) < FOLDS:
        raise ValueError(f"data has the shape {data.shape}; expected ({FOLDS} or more, D)")
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


def draw(data: np.ndarray, alpha: float, n: int, random: np.random.Generator) -> np.ndarray:
    """``n`` points x_i + alpha z with z ~ N(0, I), of the estimate with bandwidth ``alpha``, as floats."""
    chosen: np.ndarray = data[random.integers(len(data), size=n)]
    chosen = chosen if chosen.dtype.kind == "f" else chosen.astype(np.float32)
    return chosen + alpha * random.standard_normal(chosen.shape).astype(chosen.dtype)

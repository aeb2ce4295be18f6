"""What a training task makes of clean images."""

from typing import Any, NamedTuple

import numpy as np


class Sample(NamedTuple):
    """What a network is given, what it should make of it, (N, C, H, W), and what it is told of the noise.

    ``told`` is None, or as :meth:`pkn.nets.MapNet.forward` takes it, in NumPy arrays.
    """

    given: np.ndarray
    truth: np.ndarray
    told: Any = None

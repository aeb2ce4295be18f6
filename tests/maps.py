"""Random maps for tests, as tensors that require gradients."""

import numpy as np
import torch


def draw_maps(flt, random, batch, height, width):
    """Draw maps well inside their ranges, so that no single weight dominates."""
    values = []
    for name, limits in flt.ranges.items():
        low, high = max(limits.low, -1.0), min(limits.high, 1.0)
        low = max(low, 0.2) if limits.logarithmic else low
        size = (batch, int(np.prod(flt.plane_shape(name))), *flt.map_size(name, (height, width)))
        values.append(torch.tensor(random.uniform(low, high, size), requires_grad=True))
    return flt.Maps(*values)

"""Other libraries' methods are called as they are meant."""

import numpy as np

from pkn.evaluation.baselines import deconvolvers


def test_unsharp_mask_sharpens_each_channel_by_itself():
    """For channel_axis=-1 scikit-image 0.26 takes rows for channels, and returns memory that it hasn't set."""
    image = np.random.default_rng(0).random((20, 24, 3)).astype(np.float32)
    for method in deconvolvers()["unsharp"]:
        whole = method.restore(image, {"width": 1.5})
        each = [method.restore(np.ascontiguousarray(image[..., channel]), {"width": 1.5}) for channel in range(3)]
        np.testing.assert_allclose(whole, np.stack(each, axis=-1), atol=1e-6)

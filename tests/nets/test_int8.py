"""Quantisation to int8: error bounds, parts in full precision, and weights files."""

import numpy as np
import pytest
import torch

from pkn.nets.models.int8 import Int8Layer, pack, quantized, unpack
from pkn.nets.models.kernel_predicting import KernelPredictingNet, KernelPredictingSettings

TINY = KernelPredictingSettings(16, 3, width=16, blocks=1, heads=2, hidden=16, decoder=(8, 8), head_width=8, drift=4)


def network():
    torch.manual_seed(0)
    net = KernelPredictingNet(TINY)
    with torch.no_grad():
        for values in net.parameters():
            values += 0.1 * torch.randn_like(values)
    return net


def batch():
    random = torch.Generator().manual_seed(1)
    return torch.randn((2, 3, 16, 16), generator=random), torch.rand(2, generator=random)


def test_int8_is_close_and_keeps_the_drift():
    net = network()
    small = quantized(net)
    z, t = batch()
    with torch.inference_mode():
        out, rounded = net(z, t), small(z, t)
        torch.testing.assert_close(net.predict(z, t).drift, small.predict(z, t).drift, rtol=0, atol=0)
    error = (out - rounded).square().mean().sqrt() / out.std()
    assert 1e-5 < float(error) < 0.1
    assert any(values.dtype == torch.int8 for values in small.state_dict().values())
    assert set(dict(small.named_parameters())) < set(dict(net.named_parameters()))


def test_int8_weights_are_nearest():
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 3)
    small = Int8Layer(layer)
    restored = small.weight * small.scale[:, None]
    assert np.all((restored - layer.weight).abs().amax(1).detach().numpy() <= small.scale.numpy() / 2 * 1.001)
    assert small.weight.abs().amax(1).tolist() == [127, 127, 127]


def test_packed_weights_come_back_within_half_a_step():
    arrays = {name: values.numpy() for name, values in network().state_dict().items()}
    packed = pack(arrays)
    restored = unpack(packed)
    assert set(restored) == set(arrays)
    for name, values in arrays.items():
        if packed[name].dtype != np.int8:
            np.testing.assert_array_equal(restored[name], values)
            continue
        step = packed[name + ".scale"].reshape(-1, *[1] * (values.ndim - 1))
        assert (np.abs(restored[name] - values) <= 0.5001 * step).all()
    assert packed["drift.first.weight"].dtype == np.float32
    assert packed["patches.weight"].dtype == np.int8


@pytest.mark.parametrize("scale", [{}, {"w.scale": np.ones(4, np.float32)}], ids=["missing", "of another length"])
def test_a_scale_that_does_not_fit_is_named(scale):
    with pytest.raises(ValueError, match=r"w is int8 without a scale .*; expected w\.scale of shape \(3,\)"):
        unpack({"w": np.zeros((3, 2), np.int8), **scale})

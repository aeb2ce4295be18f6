"""The generative network: its filters are the core's, and it is what its settings say."""

import numpy as np
import pytest
import torch

from benchmarks.unfolded import UnfoldedNet
from pkn.nets._kernel_predicting import SETTINGS, KernelPredictingNet, KernelPredictingSettings
from pkn.nets._quantization import Int8Layer, quantized
from pkn.nets._time import sinusoids
from pkn.nets._transformer import Block, _rotated, rotary_turns

TINY = KernelPredictingSettings(16, 3, width=16, blocks=1, heads=2, hidden=16, decoder=(8, 8), head_width=8, drift=4)


def network(settings=TINY, kind=KernelPredictingNet, seed=0):
    torch.manual_seed(seed)
    net = kind(settings)
    with torch.no_grad():
        for values in net.parameters():
            values += 0.1 * torch.randn_like(values)
    return net


def batch(settings=TINY, number=2, seed=1):
    random = torch.Generator().manual_seed(seed)
    size = (number, settings.channels, settings.size, settings.size)
    return torch.randn(size, generator=random), torch.rand(number, generator=random)


@pytest.mark.parametrize("change", [{}, {"normalization": "softmax"}, {"pyramid": False}, {"drift": 0}], ids=str)
def test_values_and_gradients_are_those_of_unfolded_windows(change):
    settings = KernelPredictingSettings(**(TINY.__dict__ | change))
    ours, theirs = network(settings), network(settings, UnfoldedNet)
    z, t = batch()
    z.requires_grad_()
    out, wanted = ours(z, t), theirs(z, t)
    torch.testing.assert_close(out, wanted, rtol=1e-4, atol=1e-5)
    v_out = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    names = [name for name, _ in ours.named_parameters()]
    gradients = [
        torch.autograd.grad(each, (z, *dict(net.named_parameters()).values()), v_out, allow_unused=True)
        for each, net in ((out, ours), (wanted, theirs))
    ]
    for name, mine, other in zip(("z", *names), *gradients, strict=True):
        assert (mine is None) == (other is None), name
        if mine is not None:
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-3 * float(other.abs().max() + 1e-6), msg=name)


def test_published_settings_have_the_published_backbone():
    net = KernelPredictingNet(SETTINGS["published"])
    backbone = sum(values.numel() for part in (net.patches, net.blocks) for values in part.parameters())
    assert backbone == pytest.approx(25.8e6, rel=0.01)
    assert [len(net.filter_heads), net.settings.patch, len(net.turns[0])] == [3, 8, 64]


def test_identity_kernels_leave_the_image():
    net = network()
    z, t = batch()
    maps = net.predict(z, t)
    delta = torch.full_like(maps.logits[0], 0.0)
    delta[:, 12] = 20.0  # tanh is 1
    kept = maps._replace(logits=[delta, *maps.logits[1:]], blends=[torch.ones_like(maps.blends[0])], drift=None)
    torch.testing.assert_close(net.apply(z, kept), z, rtol=0, atol=1e-6)


def test_drift_is_added_and_isnt_told_the_time():
    net = network()
    z, t = batch()
    maps, later = net.predict(z, t), net.predict(z, t / 2)
    torch.testing.assert_close(maps.drift, later.drift)
    assert not torch.equal(maps.logits[0], later.logits[0])
    torch.testing.assert_close(net.apply(z, maps), net.apply(z, maps._replace(drift=None)) + maps.drift)


def test_rotary_positions_make_attention_depend_on_distance_alone():
    turns = rotary_turns(3, 4, 8)
    query, key = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    scores = _rotated(query.expand(12, 8), turns) @ _rotated(key.expand(12, 8), turns).T
    scores = scores.reshape(3, 4, 3, 4)
    torch.testing.assert_close(scores[0, 0, 1, 2], scores[1, 1, 2, 3])
    torch.testing.assert_close(scores[2, 1, 0, 0], scores[2, 3, 0, 2])
    assert abs(float(scores[0, 0, 1, 2] - scores[0, 0, 2, 1])) > 1e-3


def test_block_without_positions_is_blind_to_order():
    torch.manual_seed(0)
    block, tokens = Block(16, 2, 24), torch.randn(1, 6, 16)
    still = torch.stack([torch.ones(6, 4), torch.zeros(6, 4)])
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(block(tokens, still)[:, order], block(tokens[:, order], still))


def test_times_have_different_embeddings():
    t = torch.linspace(0, 1, 101)
    embedded = sinusoids(t, 16)
    assert embedded.shape == (101, 16)
    distances = torch.cdist(embedded, embedded) + 10 * torch.eye(101)
    assert float(distances.min()) > 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 18}, "size is 18; expected a multiple of 4"),
        ({"width": 20}, "width is 20; expected a multiple of 4 times"),
    ],
)
def test_settings_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        KernelPredictingSettings(**(TINY.__dict__ | change))


@pytest.mark.parametrize(("size", "levels"), [(64, 3), (28, 2), (32, 3), (100, 2)])
def test_settings_for_other_images(size, levels):
    settings = SETTINGS["small"].for_images(size, 1)
    assert (settings.size, settings.channels, len(settings.decoder)) == (size, 1, levels)
    assert settings.decoder == SETTINGS["small"].decoder[-levels:]


def test_no_settings_for_odd_images():
    with pytest.raises(ValueError, match="size is 27; expected a multiple of 4 px"):
        SETTINGS["small"].for_images(27, 1)


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
    layer = torch.nn.Linear(5, 3)
    small = Int8Layer(layer)
    restored = small.weight * small.scale[:, None]
    assert np.all((restored - layer.weight).abs().amax(1).detach().numpy() <= small.scale.numpy() / 2 * 1.001)
    assert small.weight.abs().amax(1).tolist() == [127, 127, 127]

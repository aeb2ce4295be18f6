"""The kernel-predicting network: values and gradients, its settings, its drift."""

import pytest
import scipy.fft
import torch

from benchmarks.unfolded import UnfoldedNet
from pkn.nets.bfloat16 import half_precision
from pkn.nets.models.kernel_predicting import (
    SETTINGS,
    Drift,
    KernelPredictingNet,
    KernelPredictingSettings,
    Patches,
    cosine_interpolation,
    gain,
)
from pkn.nets.models.time_embedding import sinusoids
from pkn.nets.models.transformer import Block, rotary_angles, rotate

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


@pytest.mark.parametrize(
    "change",
    [{}, {"normalization": "softmax"}, {"pyramid": False}, {"drift": 0}, {"skips": True}, {"gains": True}],
    ids=str,
)
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
    assert [len(net.heads), net.settings.patch, len(net.angles[0])] == [3, 8, 64]


def test_identity_kernels_leave_the_image():
    net = network()
    z, t = batch()
    maps = net.predict(z, t)
    delta = torch.full_like(maps.logits[0], 0.0)
    delta[:, 12] = 20.0  # tanh is 1
    ones = [torch.ones_like(maps.blends[0]), *maps.blends[1:]]
    kept = maps._replace(logits=[delta, *maps.logits[1:]], blends=ones, drift=None)
    torch.testing.assert_close(net.apply(z, kept), z, rtol=0, atol=1e-6)


def test_drift_is_added_and_does_not_depend_on_the_time():
    net = network()
    z, t = batch()
    maps, later = net.predict(z, t), net.predict(z, t / 2)
    torch.testing.assert_close(maps.drift, later.drift)
    assert not torch.equal(maps.logits[0], later.logits[0])
    torch.testing.assert_close(net.apply(z, maps), net.apply(z, maps._replace(drift=None)) + maps.drift)


DECODED = KernelPredictingSettings(**(TINY.__dict__ | {"decoded_drift": True}))


def test_a_decoded_drift_knows_the_time_and_all_of_the_image():
    net = network(DECODED)
    z, t = batch()
    corner = z.clone()
    corner[..., 0, 0] += 1
    with torch.no_grad():
        maps = net.predict(z, t)
        assert not torch.equal(maps.drift, net.predict(z, t / 2).drift)
        changed = (net.predict(corner, t).drift - maps.drift).abs().amax((0, 1))
    assert float(changed[-4:, -4:].max()) > 1e-4 * float(maps.drift.std())
    torch.testing.assert_close(net.apply(z, maps), net.apply(z, maps._replace(drift=None)) + maps.drift)


@pytest.mark.parametrize("level", [0, 2])
def test_a_gain_is_the_best_factor_for_a_pixel(level):
    random = torch.Generator().manual_seed(0)
    x, noise = (scale * torch.randn(4_000_000, generator=random) for scale in (0.5, 1 / 2**level))
    for t in (0.1, 0.5, 0.9, 1.0):
        z = (1 - t) * x + t * noise
        assert float(gain(torch.tensor(t), level)) == pytest.approx(float((x * z).mean() / z.square().mean()), abs=5e-3)


@pytest.mark.parametrize("pyramid", [True, False])
def test_in_noise_gains_leave_the_drift_alone(pyramid):
    net = network(KernelPredictingSettings(**(TINY.__dict__ | {"gains": True, "pyramid": pyramid})))
    z = batch()[0]
    maps = net.predict(z, torch.ones(2))
    torch.testing.assert_close(net.apply(z, maps), maps.drift)
    clean = net.predict(z, torch.zeros(2))
    torch.testing.assert_close(net.apply(z, clean), net.apply(z, clean._replace(gains=())))


@pytest.mark.parametrize("half", [False, True])
def test_patches_are_a_convolution(half):
    """In bfloat16 too, where oneDNN's own was wrong: in samples, nothing else showed it."""
    torch.manual_seed(0)
    patches, image = Patches(16, 320, 8, 8), torch.randn(8, 16, 64, 64)
    with torch.no_grad():
        wanted = torch.nn.functional.conv2d(image, patches.weight, patches.bias, 8)
        with half_precision("cpu", half):
            found = patches(image).float()
    assert float((found - wanted).norm() / wanted.norm()) < (0.01 if half else 1e-5)


def test_half_precision_predicts_the_same():
    torch.manual_seed(0)
    net = KernelPredictingNet(SETTINGS["small"])
    z, t = torch.randn(4, 3, 64, 64), torch.tensor([0.1, 0.4, 0.7, 1.0])
    with torch.no_grad():
        wanted = net(z, t)
        with half_precision("cpu", True):
            found = net(z, t)
    assert float((found - wanted).norm() / wanted.norm()) < 0.02


def test_scores_of_rotated_tokens_depend_on_their_distance_alone():
    angles = rotary_angles(3, 4, 8)
    first, second = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    scores = rotate(first.expand(12, 8), angles) @ rotate(second.expand(12, 8), angles).T
    scores = scores.reshape(3, 4, 3, 4)
    torch.testing.assert_close(scores[0, 0, 1, 2], scores[1, 1, 2, 3])
    torch.testing.assert_close(scores[2, 1, 0, 0], scores[2, 3, 0, 2])
    assert abs(float(scores[0, 0, 1, 2] - scores[0, 0, 2, 1])) > 1e-3


def test_a_constant_image_has_different_tokens_at_different_places():
    net = network()
    features = net._tokens(torch.ones(1, TINY.embedding, 16, 16)).detach().flatten(2)
    distances = torch.cdist(features[0].T, features[0].T) + torch.eye(16)
    assert float(distances.min()) > 1e-3 * float(features.std())


def test_attention_is_blind_to_order():
    torch.manual_seed(0)
    block, tokens = Block(16, 2, 24), torch.randn(1, 6, 16)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(block(tokens)[:, order], block(tokens[:, order]))


@pytest.mark.parametrize("change", [{}, {"pyramid": False}, {"skips": True}, {"decoded_drift": True}], ids=str)
def test_every_weight_has_a_gradient(change):
    torch.manual_seed(0)
    net = KernelPredictingNet(KernelPredictingSettings(**(TINY.__dict__ | change)))
    z, t = batch()
    (net(z, t) - 1).square().mean().backward()
    without = [name for name, values in net.named_parameters() if values.grad is None or not values.grad.any()]
    assert not without


def test_new_kernels_are_averages():
    torch.manual_seed(0)
    net = KernelPredictingNet(TINY)
    z, t = batch()
    with torch.no_grad():
        maps = net.predict(z, t)
    for logits in maps.logits:
        weights = net.weights(logits)
        assert float((weights - 1 / 25).abs().mean()) < 0.5 / 25
    assert float((maps.blends[0] - 0.5).abs().max()) < 0.1
    constant = torch.full_like(z, 0.7)
    torch.testing.assert_close(net.apply(constant, maps._replace(drift=None)), constant, rtol=0.25, atol=0)


def test_the_pyramid_reaches_a_level_below_the_last_filtered_one():
    """As published: 64, 32 and 16 px are filtered, and enlarged from 8."""
    net = network(KernelPredictingSettings(**(TINY.__dict__ | {"drift": 0})))
    z, t = batch()
    maps = net.predict(z, t)
    assert [tuple(logits.shape[2:]) for logits in maps.logits] == [(16, 16), (8, 8)]
    assert [len(maps.gaussians), len(maps.blends)] == [2, 2]
    identity = [torch.zeros_like(logits) for logits in maps.logits]
    for logits in identity:
        logits[:, 12] = 20.0
    narrow = [torch.full_like(gaussians, 8.0) for gaussians in maps.gaussians]
    for gaussians in narrow:
        gaussians[:, 2] = 0
    coarse = maps._replace(logits=identity, gaussians=narrow, blends=[torch.zeros_like(blend) for blend in maps.blends])
    means = torch.nn.functional.avg_pool2d(z, 4)
    wanted = torch.nn.functional.interpolate(means, scale_factor=4, mode="nearest")
    torch.testing.assert_close(net.apply(z, coarse), wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("decoded", [False, True])
def test_drift_has_no_high_frequencies(decoded):
    torch.manual_seed(0)
    net = Drift(3, 8, 64, 5 if decoded else None)
    size = (2, 5, 16, 16) if decoded else (2, 3, 64, 64)
    drift = net(torch.randn(size, generator=torch.Generator().manual_seed(1))).detach()
    assert drift.shape == (2, 3, 64, 64)
    waves = torch.from_numpy(scipy.fft.dctn(drift.double().numpy(), axes=(2, 3), norm="ortho"))
    frequency = torch.arange(64) / 128  # cycles per pixel
    high = (frequency[:, None] >= 1 / 8) | (frequency >= 1 / 8)
    assert float(drift.std()) > 0
    assert float(waves[..., high].abs().max()) < 1e-6 * float(waves.abs().max())


def test_cosine_interpolation_keeps_cosines():
    matrix = cosine_interpolation(8, 64).double()
    for wave in range(8):
        coarse, fine = (torch.cos(torch.pi * wave * (torch.arange(n) + 0.5) / n).double() for n in (8, 64))
        torch.testing.assert_close(matrix @ coarse, fine, rtol=0, atol=1e-5)


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

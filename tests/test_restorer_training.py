"""Training a sampler's network: it learns, it can be interrupted, and it says what it was made of."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from pkn.checkpoints import checkpoint_path
from pkn.nets._kernel_predicting import KernelPredictingNet, KernelPredictingSettings
from pkn.nets._restorers import described, load_restorer
from pkn.nets._weights import read_header, to_bytes
from pkn.noising import interpolate, objective
from pkn.restorer_training import RestorerPlan, RestorerTraining, draw_images

TINY = KernelPredictingSettings(8, 1, width=16, blocks=1, heads=2, hidden=16, decoder=(8, 8), head_width=8, drift=4)


def shapes(number=200):
    """Dark squares with a bright half, above or on the left."""
    images = np.full((number, 8, 8, 1), 40, np.uint8)
    images[::2, :4] = 220
    images[1::2, :, :4] = 220
    return images


def training(seed=0, **changes):
    torch.manual_seed(0)
    net = KernelPredictingNet(TINY)
    plan = RestorerPlan(
        described(net), {"error": "squared"}, "shapes", seed=seed, **{"batch": 16, "rate": 3e-3} | changes
    )
    return RestorerTraining(plan, net, shapes(), objective(None))


def test_noise_and_image_are_the_ends():
    x, noise = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(interpolate(x, noise, torch.tensor([0.0, 1.0])), torch.stack([noise[0], x[1]]))
    torch.testing.assert_close(interpolate(x, noise, 0.25), 0.25 * x + 0.75 * noise)


def test_images_are_drawn_from_minus_one_to_one():
    drawn = draw_images(np.array([[[[0]], [[255]]]], np.uint8).reshape(1, 1, 2, 1), 5, np.random.default_rng(0), False)
    torch.testing.assert_close(drawn, torch.tensor([-1.0, 1.0]).expand(5, 1, 1, 2))


def test_it_learns(tmp_path):
    run = training(warm_up=20, averaging=0.9)
    run.run(tmp_path / "net.safetensors", minutes=10, steps=250)
    first, last = run.curve[0][2], run.curve[-1][2]
    assert last < 0.35 * first
    net = load_restorer(tmp_path / "net.safetensors")
    clean = torch.from_numpy(shapes(40) / np.float32(127.5) - 1).permute(0, 3, 1, 2)
    z = interpolate(clean, torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)), 0.5)
    with torch.inference_mode():
        error = float((net(z, torch.full((40,), 0.5)) - clean).square().mean())
    linear = float((z * 0.5 / (0.25 + 0.25) - clean).square().mean())  # about the best single gain for a variance of 1
    assert error < 0.25 * min(linear, float(clean.var()))


def test_the_file_says_how_it_was_made(tmp_path):
    run = training()
    run.run(tmp_path / "net.safetensors", minutes=10, steps=50)
    header = read_header(tmp_path / "net.safetensors")
    assert header["architecture"] == {"network": "KernelPredictingNet", **asdict(TINY), "decoder": [8, 8]}
    assert header["about"]["plan"]["data"] == "shapes"
    assert header["about"]["curve"] == [list(point) for point in run.curve]
    assert header["about"]["images"] == 200


class SwitchedOffError(Exception):
    """What stands for a machine that is switched off."""


def test_interrupted_and_resumed_is_the_same_run(tmp_path):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    reference = training()
    reference.run(whole, minutes=10, steps=120)

    def stop(run, loss):
        if loss is None and run.step >= 60:
            raise SwitchedOffError

    with pytest.raises(SwitchedOffError):
        training().run(parts, minutes=10, steps=120, check_every=0, told=stop)
    assert not parts.exists()
    resumed = training()
    resumed.resume(checkpoint_path(parts))
    assert resumed.step == 60
    resumed.run(parts, minutes=10, steps=120)
    assert [(step, loss) for step, _, loss in resumed.curve] == [(step, loss) for step, _, loss in reference.curve]
    for name, values in load_restorer(whole).state_dict().items():
        torch.testing.assert_close(load_restorer(parts).state_dict()[name], values, rtol=0, atol=0)
    assert not checkpoint_path(parts).exists()


def test_a_checkpoint_of_another_plan(tmp_path):
    out = tmp_path / "net.safetensors"

    def stop(run, loss):
        if loss is None:
            raise SwitchedOffError

    with pytest.raises(SwitchedOffError):
        training().run(out, minutes=10, steps=5, check_every=0, told=stop)
    with pytest.raises(ValueError, match="is of the plan"):
        training(seed=1).resume(checkpoint_path(out))


def test_minutes_end_a_run(tmp_path):
    run = training()
    run.run(tmp_path / "net.safetensors", minutes=0.02)
    assert run.minutes == pytest.approx(0.02, abs=0.01)
    assert run.step > 3


@pytest.mark.parametrize("spoil", ["name", "shape", "nan"])
def test_damaged_weights_are_refused(tmp_path, spoil):
    net = KernelPredictingNet(TINY)
    arrays = {name: values.numpy() for name, values in net.state_dict().items()}
    if spoil == "name":
        arrays["extra"] = arrays.pop("look.bias")
    elif spoil == "shape":
        arrays["look.bias"] = arrays["look.bias"][:-1]
    else:
        arrays["look.bias"] = arrays["look.bias"] * np.nan
    path = tmp_path / "net.safetensors"
    path.write_bytes(to_bytes(described(net), arrays, {}))
    with pytest.raises(ValueError, match=f"cannot load '{path}' as a restorer"):
        load_restorer(path)


@pytest.mark.parametrize("mirror", [False, True])
def test_half_of_the_images_are_mirrored_if_wanted(mirror):
    images = np.zeros((1, 2, 2, 1), np.uint8)
    images[:, :, 0] = 255
    drawn = draw_images(images, 400, np.random.default_rng(0), mirror)
    assert float((drawn[..., 0] < 0).float().mean()) == pytest.approx(0.5 * mirror, abs=0.08)

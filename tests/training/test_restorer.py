"""Training a restorer: it learns, it can be interrupted and resumed, and its file records how it was made."""

import signal
from dataclasses import asdict

import numpy as np
import pytest
import torch

from pkn.degradations.mixtures import interpolate
from pkn.nets.models.int8 import pack
from pkn.nets.models.kernel_predicting import KernelPredictingNet, KernelPredictingSettings
from pkn.nets.registry import load_restorer, to_config
from pkn.nets.weights import read_header, to_bytes
from pkn.pretrained import weights_folder
from pkn.training.checkpoints import checkpoint_path
from pkn.training.objectives import NoiseObjective
from pkn.training.restorer import RestorerPlan, RestorerTraining, draw_images, power_of_profile

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
        to_config(net), {"error": "squared"}, "shapes", seed=seed, **{"batch": 16, "rate": 3e-3} | changes
    )
    return RestorerTraining(plan, net, shapes(), NoiseObjective().loss())


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

    def stop(done, total, info):
        if info["step"] >= 60:
            raise SwitchedOffError

    with pytest.raises(SwitchedOffError):
        training().run(parts, minutes=10, steps=120, check_every=0, callback=stop)
    assert not parts.exists()
    resumed = training()
    resumed.resume(checkpoint_path(parts))
    assert resumed.step == 60
    resumed.run(parts, minutes=10, steps=120)
    assert [(step, loss) for step, _, loss in resumed.curve] == [(step, loss) for step, _, loss in reference.curve]
    for name, values in load_restorer(whole).state_dict().items():
        torch.testing.assert_close(load_restorer(parts).state_dict()[name], values, rtol=0, atol=0)
    assert not checkpoint_path(parts).exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_run_has_whole_steps(tmp_path, name):
    """The signal comes while a step is taken; the state that is written goes on as if nothing had been."""
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    reference = training()
    reference.run(whole, minutes=10, steps=40)
    stopped = training()
    advance = stopped._advance

    def signalled(left):
        if stopped.step == 19:
            signal.raise_signal(getattr(signal, name))
        return advance(left)

    stopped._advance = signalled
    with pytest.raises(KeyboardInterrupt):
        stopped.run(parts, minutes=10, steps=40)
    resumed = training()
    resumed.resume(checkpoint_path(parts))
    assert resumed.step == 20
    resumed.run(parts, minutes=10, steps=40)
    for key, values in load_restorer(whole).state_dict().items():
        torch.testing.assert_close(load_restorer(parts).state_dict()[key], values, rtol=0, atol=0)


def test_a_checkpoint_of_another_plan(tmp_path):
    out = tmp_path / "net.safetensors"

    def stop(done, total, info):
        if "curve" in info:
            raise SwitchedOffError

    with pytest.raises(SwitchedOffError):
        training().run(out, minutes=10, steps=5, check_every=0, callback=stop)
    with pytest.raises(ValueError, match="is of the plan"):
        training(seed=1).resume(checkpoint_path(out))


def test_minutes_end_a_run(tmp_path):
    run = training()
    run.run(tmp_path / "net.safetensors", minutes=0.02)
    assert run.minutes == pytest.approx(0.02, abs=0.01)
    assert run.step > 3


@pytest.mark.parametrize("damage", ["name", "shape", "nan"])
def test_damaged_weights_are_refused(tmp_path, damage):
    net = KernelPredictingNet(TINY)
    arrays = {name: values.numpy() for name, values in net.state_dict().items()}
    if damage == "name":
        arrays["extra"] = arrays.pop("embed.bias")
    elif damage == "shape":
        arrays["embed.bias"] = arrays["embed.bias"][:-1]
    else:
        arrays["embed.bias"] = arrays["embed.bias"] * np.nan
    path = tmp_path / "net.safetensors"
    path.write_bytes(to_bytes(to_config(net), arrays, {}))
    with pytest.raises(ValueError, match=f"cannot load '{path}' as a restorer"):
        load_restorer(path)


@pytest.mark.parametrize("mirror", [False, True])
def test_half_of_the_images_are_mirrored_if_wanted(mirror):
    images = np.zeros((1, 2, 2, 1), np.uint8)
    images[:, :, 0] = 255
    drawn = draw_images(images, 400, np.random.default_rng(0), mirror)
    assert float((drawn[..., 0] < 0).float().mean()) == pytest.approx(0.5 * mirror, abs=0.08)


def test_the_profile_is_the_deviation_of_the_weights():
    for width in (0.05, 0.1, 0.25):
        power = power_of_profile(width)
        t = np.linspace(0, 1, 200_001)
        weight = t**power / (t**power).sum()
        mean = (weight * t).sum()
        assert np.sqrt((weight * (t - mean) ** 2).sum()) == pytest.approx(width, rel=1e-3)


@pytest.mark.parametrize("width", [0, 0.3, -1])
def test_a_profile_that_no_power_has(width):
    with pytest.raises(ValueError, match="profile is"):
        power_of_profile(width)


def test_the_average_is_by_a_power_of_the_step(tmp_path):
    run, biases = training(profile=0.1), []

    def note(done, total, info):
        biases.append(run.net.embed.bias.detach().clone())

    run.run(tmp_path / "net.safetensors", minutes=10, steps=60, callback=note)
    power = power_of_profile(0.1)
    step = np.arange(1, 61) + 1.0
    weight = np.exp(np.cumsum(np.log1p(-1 / step[::-1]) * (power + 1))[::-1] - np.log1p(-1 / step) * (power + 1))
    weight *= 1 - (1 - 1 / step) ** (power + 1)
    wanted = sum(share * values for share, values in zip(weight, biases, strict=True)) / weight.sum()
    torch.testing.assert_close(run.average.module.embed.bias, wanted.float(), rtol=0, atol=2e-4)


@pytest.mark.parametrize("int8", [False, True])
def test_the_average_of_a_checkpoint_is_exported(tmp_path, run, int8):
    stopped, out = training(), tmp_path / "net.safetensors"
    stopped.run(tmp_path / "whole.safetensors", minutes=10, steps=5)
    stopped.save(tmp_path / "state")
    result = run("export", tmp_path / "state", out, *["--int8"][:int8])
    assert result.exit_code == 0, result.output
    found, wanted = load_restorer(out).state_dict(), stopped.average.module.state_dict()
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        step = float(values.abs().max()) / 127 if int8 and values.ndim > 1 else 0
        torch.testing.assert_close(found[name], values, rtol=1e-3, atol=0.51 * step + 1e-7)
    assert read_header(out)["about"]["step"] == 5


def test_int8_weights_without_a_scale(tmp_path):
    net = KernelPredictingNet(TINY)
    arrays = pack({name: values.numpy() for name, values in net.state_dict().items()})
    path = tmp_path / "net.safetensors"
    path.write_bytes(to_bytes(to_config(net), arrays, {}))
    load_restorer(path)
    del arrays["patches.weight.scale"]
    path.write_bytes(to_bytes(to_config(net), arrays, {}))
    with pytest.raises(ValueError, match=r"patches\.weight is int8 without a scale"):
        load_restorer(path)


def test_export_refuses_other_networks_in_one_line(tmp_path, run):
    result = run("export", weights_folder() / "bilateral-grey.safetensors", tmp_path / "net.safetensors")
    assert result.exit_code == 1
    assert "as a restorer" in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "net.safetensors").exists()

"""The bias-free CNN: its formula, published sizes, homogeneity, receptive field; the authors' files, and bad ones."""

import pickle

import numpy as np
import published
import pytest
import torch
from torch.nn import functional as F

from pkn.nets.models.bias_free_cnn import (
    LOW_PASS_SETTINGS,
    BiasFreeCNN,
    BiasFreeSettings,
    conditional_settings,
    flat_settings,
)
from pkn.nets.registry import build_restorer, load_restorer, to_config
from pkn.nets.weights import read_header, to_bytes
from pkn.wavelets.published_weights import convert_published, load_published

TINY = BiasFreeSettings(4, 3, 6, (3, 1, 5, 3))


def network(settings=TINY, seed=0):
    torch.manual_seed(seed)
    net = BiasFreeCNN(settings)
    for norm in net.norms:
        torch.nn.init.uniform_(norm.gain, -1, 2)
        torch.nn.init.uniform_(norm.deviation, 0.5, 2)
    return net.eval()


def published_state(net, prefix="module."):
    """Return the state dict as in the authors' files."""
    state = {f"{prefix}conv_layers.{i}.weight": layer.weight.detach() for i, layer in enumerate(net.layers)}
    for i, norm in enumerate(net.norms):
        state[f"{prefix}BN_layers.{i}.gammas"] = norm.gain.detach().reshape(1, -1, 1, 1)
        state[f"{prefix}BN_layers.{i}.running_sd"] = norm.deviation.reshape(1, -1, 1, 1)
    return state


def reference(state, x):
    """Compute the output of a published state dict step by step."""
    state = {name.removeprefix("module."): values for name, values in state.items()}
    last = sum(name.startswith("conv") for name in state) - 1
    for i in range(last + 1):
        weight = state[f"conv_layers.{i}.weight"]
        before = (weight.shape[2] - 1) // 2
        x = F.conv2d(F.pad(x, (before,) * 4), weight)
        if 0 < i < last:
            x = x / state[f"BN_layers.{i - 1}.running_sd"] * state[f"BN_layers.{i - 1}.gammas"]
            x = x.clamp(min=0)
    return x


def images(net, side=24, n=2):
    return torch.rand(n, net.settings.inputs, side, side, generator=torch.Generator().manual_seed(1))


def agrees_with_reference(net, state):
    x = images(net)
    with torch.inference_mode():
        expected = reference(state, x)
        assert float((net(x) - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def is_homogeneous(net):
    x = images(net)
    with torch.inference_mode():
        once, scaled = net(x), net(0.3 * x)
    assert float((scaled - 0.3 * once).abs().max()) <= 1e-5 * float(once.abs().max())


def is_local(net):
    """An output pixel depends on a square of the side ``field``, up to its border, and on nothing outside."""
    radius = net.settings.field // 2
    side = 2 * radius + 5
    x = images(net, side, 1).double().requires_grad_()
    middle = side // 2
    net.double()(x)[0, :, middle, middle].square().sum().backward()
    net.float()
    affected = x.grad[0].abs().sum(0) > 0
    places = torch.arange(side)
    inside = (places - middle).abs() <= radius
    assert not affected[~inside].any()
    assert not affected[:, ~inside].any()
    assert affected[middle - radius].any()
    assert affected[:, middle + radius].any()


@pytest.mark.parametrize(
    ("field", "flat", "conditional"),
    [
        (5, 80_192, 83_072),
        (9, 145_728, 148_608),
        (13, 211_264, 214_144),
        (23, 375_104, 377_984),
        (43, 702_784, 705_664),
    ],
)
def test_as_large_as_published(field, flat, conditional):
    for settings, parameters in ((flat_settings(field), flat), (conditional_settings(field), conditional)):
        assert (settings.field, len(settings.kernels), settings.parameters) == (field, 21, parameters)
        with torch.device("meta"):
            assert sum(values.numel() for values in BiasFreeCNN(settings).parameters()) == parameters


def test_the_low_pass_is_as_large_as_published():
    assert (LOW_PASS_SETTINGS.parameters, LOW_PASS_SETTINGS.field) == (665_856, 41)


@pytest.mark.parametrize("settings", [TINY, flat_settings(13), BiasFreeSettings(2, 2, 4, (1, 3))])
def test_output_is_that_of_the_formula(settings):
    net = network(settings)
    agrees_with_reference(net, published_state(net))
    is_homogeneous(net)
    is_local(net)


def test_training_divides_by_the_batchs_deviation_and_remembers_it():
    net = network(BiasFreeSettings(1, 1, 4, (3, 3, 3))).train()
    x = images(net)
    before = net.norms[0].deviation.clone()
    inner = F.conv2d(F.conv2d(x, net.layers[0].weight, padding=1), net.layers[1].weight, padding=1)
    deviation = (inner - inner.mean((0, 2, 3), keepdim=True)).square().mean((0, 2, 3)).add(1e-5).sqrt()
    normed = inner / deviation.reshape(1, -1, 1, 1) * net.norms[0].gain.reshape(1, -1, 1, 1)
    torch.testing.assert_close(net(x), F.conv2d(normed.clamp(min=0), net.layers[2].weight, padding=1))
    torch.testing.assert_close(net.norms[0].deviation, 0.9 * before + 0.1 * deviation)
    net(x).square().sum().backward()
    assert all(bool(values.grad.abs().sum() > 0) for values in net.parameters())
    remembered = net.eval().norms[0].deviation.clone()
    net(x)
    assert torch.equal(net.norms[0].deviation, remembered)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": 0}, "inputs is 0; expected a whole number, 1 or more"),
        ({"width": 2.0}, "width is 2.0; expected a whole number, 1 or more"),
        ({"kernels": (3, True)}, r"kernels are \(3, True\); expected the odd sides"),
        ({"kernels": (3, 2)}, r"kernels are \(3, 2\); expected the odd sides of 2 layers or more"),
        ({"kernels": (3,)}, r"kernels are \(3,\)"),
        ({"width": 4000}, "parameters; expected at most"),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises(ValueError, match=message):
        BiasFreeSettings(**change)


def test_unpublished_fields():
    with pytest.raises(ValueError, match="field is 11; expected one of 5, 9, 13, 23, 43"):
        flat_settings(11)


def test_a_file_is_read_bit_identical(tmp_path):
    net, path = network(), tmp_path / "net.safetensors"
    path.write_bytes(to_bytes(to_config(net), {name: v.numpy() for name, v in net.state_dict().items()}, {}))
    loaded = load_restorer(path)
    assert loaded.settings == net.settings
    with torch.inference_mode():
        torch.testing.assert_close(loaded(images(net)), net(images(net)), rtol=0, atol=0)


def test_a_file_that_asks_for_too_much_is_named(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(to_bytes({"network": "BiasFreeCNN", "width": 4096}, {}, {}))
    with pytest.raises(ValueError, match=r"cannot load .*net\.safetensors' as a restorer: .*expected at most"):
        load_restorer(path)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("legacy", [False, True])
def test_published_files(tmp_path, prefix, legacy):
    net, path = network(), tmp_path / "model.pt"
    torch.save(published_state(net, prefix), path, _use_new_zipfile_serialization=not legacy)
    loaded = load_published(path)
    assert loaded.settings == net.settings
    assert not loaded.training
    agrees_with_reference(loaded, published_state(net))


def test_published_files_become_ours(tmp_path):
    net, path, out = network(), tmp_path / "model.pt", tmp_path / "net.safetensors"
    torch.save(published_state(net), path)
    convert_published(path, out)
    for name, values in load_restorer(out).state_dict().items():
        assert torch.equal(values, net.state_dict()[name])
    header = read_header(out)
    assert header["about"]["file"].endswith(f"{tmp_path.name}/model.pt")
    assert "Kadkhodaie" in header["about"]["source"]
    assert "MIT" in header["about"]["licence"]
    assert build_restorer(header["architecture"]).settings == net.settings


class Malicious:
    def __reduce__(self):
        return exec, ("raise SystemExit('ran')",)


def state_with(change):
    state = published_state(network())
    change(state)
    return state


def set_to(name, values):
    return state_with(lambda state: state.update({f"module.{name}": values}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (state_with(lambda state: state.pop("module.BN_layers.1.gammas")), "norms.1.gain is missing"),
        (state_with(lambda state: state.pop("module.conv_layers.1.weight")), "not numbered from 0"),
        (
            set_to("conv_layers.1.weight", torch.zeros(6, 5, 1, 1)),
            r"layers.1.weight has shape \(6, 5, 1, 1\), expected",
        ),
        (set_to("conv_layers.1.weight", torch.zeros(6, 6, 1, 3)), r"has shape \(6, 6, 1, 3\), expected \(6, 6, 1, 1\)"),
        (set_to("conv_layers.1.weight", torch.zeros(6, 6, 2, 2)), "kernels are"),
        (set_to("conv_layers.1.weight", torch.zeros(6, 6)), "4 dimensions"),
        (set_to("conv_layers.1.weight", torch.zeros(1).expand(6, 1 << 40, 1, 1)), "layers.1.weight has shape"),
        (set_to("conv_layers.0.weight", torch.zeros(1).expand(1 << 20, 4, 3, 3)), "parameters; expected at most"),
        (set_to("conv_layers.1.weight", [1.0]), "conv_layers.1.weight is list, expected a plain tensor"),
        (set_to("BN_layers.0.gammas", torch.zeros(6, 1, 1)), r"norms.0.gain has shape \(6, 1, 1\)"),
        (set_to("BN_layers.0.gammas", torch.zeros(1, 6, 1, 1).half()), "is torch.float16"),
        (set_to("BN_layers.0.gammas", torch.full((1, 6, 1, 1), np.nan)), "norms.0.gain has values that are not finite"),
        (
            set_to("BN_layers.0.running_sd", torch.zeros(1, 6, 1, 1)),
            "norms.0.deviation has values that are not positive",
        ),
        (set_to("BN_layers.2.gammas", torch.zeros(1, 6, 1, 1)), "norms.2.gain"),
        (set_to("conv_layers.0.bias", torch.zeros(6)), "'module.conv_layers.0.bias' is no name of theirs"),
        (set_to("conv_layers.-1.weight", torch.zeros(6, 6, 1, 1)), "not numbered from 0"),
        (state_with(lambda state: state.update({"conv_layers.0.weight": torch.zeros(6, 4, 3, 3)})), "names come twice"),
        (state_with(lambda state: state.update({3: torch.zeros(6)})), "3 is no name of theirs"),
        ({}, "not numbered from 0"),
        ([torch.zeros(3)], "list, expected a state dict"),
        ({"module.conv_layers.0.weight": Malicious()}, "no state dict"),
    ],
)
def test_malformed_published_files(tmp_path, content, message):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    with pytest.raises(ValueError, match=rf"cannot load '.*model\.pt' as a published denoiser: .*{message}"):
        load_published(path)


@pytest.mark.parametrize(
    "content", [b"", b"text", pickle.dumps({"a": 1}), pickle.dumps(Malicious()), b"PK\x03\x04" * 9]
)
def test_other_files(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot load '.*model\.pt' as a published denoiser"):
        load_published(path)


def test_large_and_missing_files(tmp_path):
    path = tmp_path / "model.pt"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(ValueError, match="104857600 bytes, expected at most 67108864"):
        load_published(path)
    with pytest.raises(FileNotFoundError):
        load_published(tmp_path / "other.pt")


@published.needed
def test_all_published_files_are_there():
    assert len(published.FILES) == 16


@published.each
def test_the_authors_networks(path, tmp_path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    net = load_published(path)
    field = path.parent.name.removeprefix("RF_").split("x")[0]
    sizes = {"flat": flat_settings, "multi_scale": conditional_settings}[path.parents[1].name]
    assert net.settings == (LOW_PASS_SETTINGS if path.parent.name.endswith("low") else sizes(int(field)))
    agrees_with_reference(net, state)
    is_homogeneous(net)
    is_local(net)
    convert_published(path, tmp_path / "net.safetensors")
    agrees_with_reference(load_restorer(tmp_path / "net.safetensors"), state)

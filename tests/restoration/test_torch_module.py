"""pkn.nets.Denoiser: the same as pkn.denoise, differentiable, and a module like others."""

import copy
import pickle

import numpy as np
import pytest
import torch
from skimage import data
from torch import nn

import pkn
from pkn.filters import Bilateral
from pkn.nets import Denoiser, MapNet
from pkn.nets.autograd import reference
from pkn.pretrained import COLOURS, bundled_names, weights_folder
from pkn.restoration import torch_module

NETS = [name for name in bundled_names() if name not in ("upsample", "reblur")]
CASES = [
    (name, channels)
    for name in NETS
    for channels, colours in COLOURS.items()
    if (weights_folder() / f"{name}-{colours}.safetensors").exists()
]


def noisy(channels, dtype=np.float32):
    photo = data.astronaut()[:45, 180:233] / 255
    photo = np.moveaxis(photo, -1, 0)[:channels]
    return (photo + 0.1 * np.random.default_rng(0).standard_normal(photo.shape)).astype(dtype)


@pytest.mark.parametrize(("name", "channels"), CASES)
def test_is_pkn_denoise(name, channels):
    given, denoiser = noisy(channels), Denoiser(name, channels)
    for sigma in (None, 0.08):
        with torch.inference_mode():
            ours = denoiser(torch.from_numpy(given)[None], sigma)[0].numpy()
        np.testing.assert_allclose(ours, pkn.denoise(given, name, sigma=sigma, channel_axis=0), rtol=0, atol=3e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_is_pkn_denoise_in_any_unit(dtype, channels):
    given = 1000 + 300 * noisy(channels, dtype)
    tensor = torch.from_numpy(given)[None]
    denoiser = Denoiser(channels=channels).to(tensor)
    level = 300 * (0.02 + 0.1 * np.random.default_rng(1).random(given.shape[1:]))
    with torch.inference_mode():
        blind, told = denoiser(tensor), denoiser(tensor, torch.from_numpy(level)[None, None])
    assert blind.dtype == tensor.dtype
    np.testing.assert_allclose(blind[0], pkn.denoise(given, channel_axis=0), rtol=0, atol=3e-3)
    np.testing.assert_allclose(told[0], pkn.denoise(given, sigma=level, channel_axis=0), rtol=0, atol=3e-3)


def test_each_image_of_a_batch_by_itself():
    batch = torch.stack([torch.from_numpy(noisy(1)), 5 + 2 * torch.from_numpy(noisy(1)).flip(2)])
    denoiser = Denoiser("bilateral")
    with torch.inference_mode():
        for sigma in (torch.tensor([0.05, 0.2]), torch.tensor([0.05, 0.2]).reshape(2, 1, 1, 1)):
            together = denoiser(batch, sigma)
            for n, level in enumerate((0.05, 0.2)):
                torch.testing.assert_close(together[n : n + 1], denoiser(batch[n : n + 1], sigma=level))
        assert not torch.equal(denoiser(batch)[:1], denoiser(batch, 0.3)[:1])


@pytest.mark.parametrize("name", ["bilateral", "any-noise"])
def test_gradients_are_finite_differences(name):
    """Of the image and of a weight, with the noise told and the span's extremes far from the pixels that move."""
    x = torch.from_numpy(noisy(1, np.float64))[None]
    denoiser = Denoiser(name).double()
    v_out = torch.from_numpy(np.random.default_rng(2).standard_normal(x.shape))
    weight, x = denoiser.net.heads[0].bias, x.requires_grad_()
    v_x, v_weight = torch.autograd.grad((denoiser(x, 0.1) * v_out).sum(), (x, weight))
    middle = int((x[0, 0] - x.mean()).abs().argmin())
    step = 1e-6
    for tensor, v_tensor, place in ((x, v_x, middle), (weight, v_weight, 0)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                tensor.view(-1)[place] += sign * step
                values.append(float((denoiser(x, 0.1) * v_out).sum()))
                tensor.view(-1)[place] -= sign * step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(float(v_tensor.flatten()[place]), rel=2e-3)


@pytest.mark.parametrize("name", ["bilateral", "any-noise"])
def test_other_devices_filter_by_plain_torch(name, monkeypatch):
    """Where there are no kernels; maps and noise are the same, so the result is."""
    x = torch.from_numpy(noisy(3, np.float64))[None]
    denoiser = Denoiser(name, channels=3).double()
    with torch.inference_mode():
        wanted = denoiser(x)
        monkeypatch.setattr(torch_module, "apply_filter", reference.apply)
        torch.testing.assert_close(denoiser(x), wanted, rtol=0, atol=1e-9)


def test_trains_in_a_sequential():
    torch.manual_seed(0)
    clean = torch.from_numpy(np.float32(data.camera()[:48, 200:256] / 255))[None, None]
    given = clean + 0.1 * torch.randn(clean.shape)
    net = MapNet(Bilateral(3), channels=1, width=8, depth=2)
    model = nn.Sequential(Denoiser(net), nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect", bias=False))
    with torch.no_grad():
        model[1].weight.zero_()[..., 1, 1] = 1
    optimiser, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
    for _ in range(12):
        loss = (model(given) - clean).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert model[0].net is net
    assert len(list(model.parameters())) == len(list(net.parameters())) + 1


def test_is_a_module_like_others(tmp_path):
    denoiser, x = Denoiser("pyramid"), torch.from_numpy(noisy(1))[None]
    torch.save(denoiser.state_dict(), tmp_path / "weights.pt")
    other = Denoiser("pyramid")
    nn.init.zeros_(other.net.heads[0].weight)
    with torch.inference_mode():
        wanted = denoiser(x)
        assert not torch.equal(other(x), wanted)
        other.load_state_dict(torch.load(tmp_path / "weights.pt"))
        for each in (other, copy.deepcopy(denoiser), pickle.loads(pickle.dumps(denoiser))):
            assert torch.equal(each(x), wanted)
    assert "channels=1" in repr(denoiser)
    assert all(p.dtype == torch.float64 for p in denoiser.to(torch.float64).parameters())


def test_a_constant_stays_and_one_pixel_is_enough():
    denoiser = Denoiser(channels=3)
    with torch.inference_mode():
        for x in (torch.zeros(1, 3, 20, 30), torch.full((2, 3, 9, 7), 0.3), torch.full((1, 3, 1, 1), 5.0)):
            torch.testing.assert_close(denoiser(x, 0.1), x)
            torch.testing.assert_close(denoiser(x), x)


X = torch.zeros(2, 1, 8, 8)


@pytest.mark.parametrize(
    ("x", "sigma", "error", "message"),
    [
        (X.numpy(), None, TypeError, "x is ndarray; expected a torch.Tensor"),
        (X[0], None, ValueError, r"x has shape \(1, 8, 8\); expected \(N, 1, H, W\)"),
        (X.expand(2, 3, 8, 8), None, ValueError, r"expected \(N, 1, H, W\)"),
        (X[..., :0], None, ValueError, r"expected \(N, 1, H, W\)"),
        (X.double(), None, TypeError, "x is torch.float64 on cpu and the parameters are torch.float32 on cpu"),
        (X.half(), None, TypeError, "expected both to be float32 or float64"),
        (X.to("meta"), None, TypeError, "x is torch.float32 on meta"),
        (X / 0, None, ValueError, "x has values that are not finite"),
        (X, torch.ones(3), ValueError, r"sigma has shape \(3,\); expected a number, \(N,\)"),
        (X, -1.0, ValueError, "expected noise levels of at least 0"),
        (X, [0.1, float("nan")], ValueError, "expected noise levels of at least 0"),
    ],
)
def test_what_does_not_fit_is_named(x, sigma, error, message):
    with pytest.raises(error, match=message):
        Denoiser("bilateral")(x, sigma)


def test_networks_that_do_not_denoise_are_named():
    with pytest.raises(ValueError, match="enlarges images"):
        Denoiser("upsample")
    with pytest.raises(ValueError, match="did you mean 'bilateral'"):
        Denoiser("bilaterl")
    with pytest.warns(UserWarning, match="sharpens images"):
        Denoiser("reblur")

"""pkn.nets.Denoiser as a prior of deepinv: PnP and RED loops, DPIR. Skipped where deepinv isn't installed."""

import numpy as np
import pytest
import torch
from skimage import data

from pkn.nets import Denoiser

deepinv = pytest.importorskip("deepinv")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
NOISE = 5 / 255


@pytest.fixture(scope="module")
def problem():
    """A picture, the physics that blurs it, and what it measures."""
    sharp = torch.from_numpy(np.float32(data.camera()[100:196, 200:296] / 255))[None, None]
    kernel = deepinv.physics.functional.gaussian_blur(sigma=1.5)
    physics = deepinv.physics.BlurFFT((1, 96, 96), kernel, noise_model=deepinv.physics.GaussianNoise(NOISE))
    torch.manual_seed(0)
    return sharp, physics, physics(sharp)


def psnr(image, truth):
    return float(-10 * (image - truth).square().mean().log10())


@pytest.mark.parametrize(
    ("algorithm", "prior", "settings"),
    [
        ("PGD", "PnP", {"stepsize": 1.0, "sigma_denoiser": 0.02, "max_iter": 15}),
        ("HQS", "PnP", {"stepsize": 4.0, "sigma_denoiser": 0.04, "max_iter": 6}),
        ("GD", "RED", {"stepsize": 1.0, "sigma_denoiser": 0.02, "lambda_reg": 0.2, "max_iter": 15}),
    ],
)
def test_loops_run_with_our_prior(problem, algorithm, prior, settings):
    sharp, physics, measured = problem
    model = getattr(deepinv.optim, algorithm)(
        data_fidelity=deepinv.optim.L2(), prior=getattr(deepinv.optim, prior)(Denoiser("pyramid")), **settings
    )
    with torch.no_grad():
        result = model(measured, physics)
    assert result.shape == sharp.shape
    assert psnr(result, sharp) > psnr(measured, sharp) + 1


def test_dpir_takes_our_denoiser(problem):
    sharp, physics, measured = problem
    with torch.no_grad():
        result = deepinv.optim.DPIR(sigma=NOISE, denoiser=Denoiser())(measured, physics)
    assert psnr(result, sharp) > psnr(measured, sharp) + 3


def test_has_the_signature_of_their_denoisers():
    x = torch.from_numpy(np.random.default_rng(0).normal(0.5, 0.1, (2, 1, 32, 32)).astype(np.float32))
    theirs, ours = deepinv.models.MedianFilter(), Denoiser("bilateral")
    with torch.no_grad():
        for sigma in (0.1, torch.tensor(0.1), torch.tensor([0.1, 0.2])):
            assert ours(x, sigma).shape == theirs(x, sigma).shape == ours(x, sigma=sigma).shape


def test_a_loop_unfolded_trains_the_network(problem):
    sharp, physics, measured = problem
    denoiser = Denoiser("bilateral")
    model = deepinv.optim.HQS(
        data_fidelity=deepinv.optim.L2(),
        prior=deepinv.optim.PnP(denoiser),
        stepsize=4.0,
        sigma_denoiser=0.04,
        max_iter=2,
        unfold=True,
        trainable_params=["stepsize"],
    )
    (model(measured, physics) - sharp).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in denoiser.parameters())
    assert sum(float(p.grad.abs().sum()) for p in denoiser.parameters()) > 0

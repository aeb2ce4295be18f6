"""Training after a denoiser: on what is left, as in use."""

import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data, io

from pkn.cli import main
from pkn.degradations.tasks import Deblur
from pkn.nets import read_header
from pkn.pretrained import find_net
from pkn.restoration.first_stage import partly_denoised
from pkn.training.first_stage import TASKS, AfterDenoising


@pytest.mark.parametrize("channels", [1, 3])
def test_less_noise_is_given_and_its_level_told(channels):
    """Of a blurred image in noise: nearer to the same without noise, by about what is told."""
    clean = np.float32(data.chelsea()[:128, :128].transpose(2, 0, 1)[None, :channels] / 255)
    settings = {"along": 1.5, "across": 1.5, "angle": 0.0}
    before = Deblur().degrade(clean, np.random.default_rng(0), sigma=6 / 255, **settings)
    blurred = Deblur().degrade(clean, np.random.default_rng(0), sigma=0.0, **settings).given
    after = AfterDenoising("deblur", find_net("any-noise", channels)).degrade(
        clean, np.random.default_rng(0), sigma=6 / 255, **settings
    )
    assert after.given.shape == clean.shape
    np.testing.assert_array_equal(after.truth, before.truth)
    deviations = [np.std(given - blurred) for given in (before.given, after.given)]
    assert deviations[1] < 0.6 * deviations[0]
    assert 0.5 < after.told[0] / deviations[1] < 2


def test_it_is_the_first_stage_of_use():
    clean = np.float32(data.camera()[None, None, 100:164, 100:164] / 255)
    after = AfterDenoising("upsample", find_net("bilateral", 1))
    found = after.degrade(clean, np.random.default_rng(0), sigma=0.0)
    halved = clean[0, 0].reshape(32, 2, 32, 2).mean((1, 3))
    for level in np.linspace(0, 2 / 255, 400):  # told at random: find it by what is left
        wanted = partly_denoised(halved, TASKS["upsample"][1], "bilateral", sigma=level)
        if wanted.sigma >= found.told[0]:
            break
    np.testing.assert_allclose(found.given[0, 0], wanted.image, atol=2e-3)


def test_the_network_that_was_trained_so_says_it(tmp_path):
    for n in range(2):
        io.imsave(tmp_path / f"{n}.png", data.camera()[n::4, ::4], check_contrast=False)
    out = tmp_path / "net.safetensors"
    given = ["--data", tmp_path, "--out", out, "--steps", 2, "--size", 32, "--denoiser", "bilateral"]
    arguments = ["train", "--filter", "reblur-upsampling", "--task", "upsample", *map(str, given)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert read_header(out)["about"]["plan"]["denoiser"] == "bilateral"


def test_other_tasks_have_no_first_stage():
    with pytest.raises(ValueError, match=r"task is 'any-noise'; expected one of upsample, deblur"):
        AfterDenoising("any-noise", find_net("bilateral", 1))

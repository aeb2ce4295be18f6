"""Training: it learns, the same seed gives the same network, and a run can be taken up again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skimage import data, io

import pkn
from pkn.cli import main
from pkn.degradations.tasks import TASKS, make_task
from pkn.filters import Bilateral, LumaChromaPyramid, Pyramid
from pkn.io.folders import read_folder
from pkn.nets import MapNet, Predictor, load_net, read_header
from pkn.nets.map_net.network import weights_of
from pkn.pretrained import find_net
from pkn.training.checkpoints import checkpoint_path
from pkn.training.map_net import Training, TrainingPlan, draw_batch, start_from, validate

PLAN = TrainingPlan(filter="Bilateral", options={"radius": 2}, channels=1, steps=24, batch=2, size=32, held_back=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "deeper").mkdir()
    for name in ("camera", "coins", "moon"):
        io.imsave(folder / f"{name}.png", getattr(data, name)()[:120, :130], check_contrast=False)
    io.imsave(folder / "deeper" / "chelsea.jpg", data.chelsea()[:100, :110])
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture(scope="module")
def images(folder):
    return read_folder(folder, 1)


def test_any_folder_of_images(folder, images):
    assert [image.shape for image in images] == [(120, 130, 1)] * 2 + [(100, 110, 1), (120, 130, 1)]
    assert [image.shape for image in read_folder(folder, 3)] == [(100, 110, 3)]


def test_batches_are_decided_by_seed_and_step(images):
    first, again, other = draw_batch(images, PLAN, 3), draw_batch(images, PLAN, 3), draw_batch(images, PLAN, 4)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1].random(5), again[1].random(5))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("name", TASKS)
def test_tasks_degrade_and_know_the_baseline_error(images, name):
    """The baseline error correlates with the error of doing nothing."""
    task, (clean, random) = make_task(name, 0.2), draw_batch(images, replace(PLAN, size=64, batch=16), 0)
    settings = task.draw(random, len(clean))
    given, truth, _ = task.degrade(clean, random, **settings)
    assert given.dtype == truth.dtype == np.float32
    scale = clean.shape[2] // given.shape[2]
    error = ((given - truth[..., ::scale, ::scale]) ** 2).mean((1, 2, 3))
    baseline = np.asarray(task.baseline_error(torch.from_numpy(truth), torch.from_numpy(given), **settings))
    assert baseline.shape == (16,)
    assert np.corrcoef(np.log(baseline), np.log(error + 1e-5))[0, 1] > 0.5


def test_noise_is_of_the_level_that_is_said(images):
    task, (clean, random) = make_task("denoise", 0.2), draw_batch(images, PLAN, 0)
    given = task.degrade(clean, random, sigma=np.array([0.05, 0.2], np.float32)).given
    np.testing.assert_allclose((given - clean).std((1, 2, 3)), [0.05, 0.2], rtol=0.1)


def test_blur_is_of_the_width_that_is_said():
    """The variances of a blurred point are those asked for, along and across the direction."""
    point = np.zeros((1, 1, 41, 41), np.float32)
    point[..., 20, 20] = 1
    blurred = make_task("deblur", 0).degrade(point, np.random.default_rng(0), 2.0, 1.0, np.pi / 6, 0.0).given[0, 0]
    y, x = np.mgrid[-20:21, -20:21]
    along, across = x * np.cos(np.pi / 6) + y * np.sin(np.pi / 6), y * np.cos(np.pi / 6) - x * np.sin(np.pi / 6)
    assert (blurred * along**2).sum() == pytest.approx(4.0, rel=0.02)
    assert (blurred * across**2).sum() == pytest.approx(1.0, rel=0.02)


def test_images_smaller_than_a_crop(images):
    clean, _ = draw_batch([image[:9, :11] for image in images], PLAN, 0)
    assert clean.shape == (2, 1, 32, 32)


def test_it_learns(images, tmp_path):
    plan = TrainingPlan(filter="Bilateral", options={"radius": 2}, channels=1, steps=80, batch=4, size=64)
    training = Training(plan, images)
    before = validate(training.task, training.net, training.held_back)
    training.run(tmp_path / "net.safetensors")
    after = validate(training.task, load_net(tmp_path / "net.safetensors"), training.held_back)
    assert np.mean(list(after.values())) > np.mean(list(before.values())) + 0.5


def test_same_seed_same_network(images, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        Training(TrainingPlan(**{**PLAN.__dict__, "seed": seed}), images).run(tmp_path / f"{name}.safetensors")
    a, b, c = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_resumed_is_the_same_as_never_stopped(images, tmp_path):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    Training(PLAN, images).run(whole)

    def stop(done, total, info):
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(PLAN, images).run(parts, stop)
    assert not parts.exists()
    resumed = Training(PLAN, images)
    resumed.resume(checkpoint_path(parts))
    assert resumed.step == 15
    resumed.run(parts)
    assert parts.read_bytes() == whole.read_bytes()
    assert not checkpoint_path(parts).exists()


def test_a_checkpoint_of_another_plan_is_refused(images, tmp_path):
    out = tmp_path / "net.safetensors"

    def stop(done, total, info):
        if "psnr" in info and done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(PLAN, images).run(out, stop)
    other = Training(TrainingPlan(**{**PLAN.__dict__, "seed": 5}), images)
    with pytest.raises(ValueError, match="is of the plan"):
        other.resume(checkpoint_path(out))


def test_command(folder, tmp_path):
    out = tmp_path / "net.safetensors"
    arguments = ["train", "--filter", "isotropic-gaussian", "--data", folder, "--out", out, "--steps", 3, "--seed", 4]
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    about = read_header(out)["about"]
    assert about["plan"]["filter"] == "IsotropicGaussian"
    assert about["plan"]["seed"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.md", "net.safetensors"]


def test_a_network_for_white_noise_becomes_one_that_is_told_a_profile():
    """And predicts the same maps for white noise."""
    told, white = MapNet(Pyramid(), 1, noise="profile"), find_net("pyramid", 1)
    start_from(told, white)
    image, sigma = np.random.default_rng(0).random((1, 1, 40, 50), np.float32), np.array([0.1], np.float32)
    for ours, theirs in zip(
        Predictor(told.architecture, weights_of(told))(image, sigma), white(image, sigma), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"start is a network of .*; expected one of Bilateral"):
        start_from(MapNet(Bilateral(), 1), white)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_second_pass_begins_as_a_copy_and_all_of_it_is_trained(channels):
    """With the first one's outputs; and every weight of both has a gradient, through the guide of the second."""
    one = find_net("any-noise", channels).first
    two = MapNet(one.filter, channels, **{**one.architecture.settings, "passes": 2})
    start_from(two, one)
    image, sigma = np.random.default_rng(0).random((1, channels, 40, 50), np.float32), np.array([0.1], np.float32)
    found, wanted = Predictor(two.architecture, weights_of(two))(image, sigma), one(image, sigma)
    for name in one.architecture.written(0):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    two.denoise(torch.from_numpy(image), torch.from_numpy(sigma)).square().mean().backward()
    assert all(weights.grad.abs().max() > 0 for weights in two.parameters())


def test_two_passes_from_the_command_line(folder, tmp_path):
    out = tmp_path / "two.safetensors"
    arguments = ["train", "--filter", "pyramid", "--data", folder, "--out", out, "--steps", 2, "--size", 32]
    result = CliRunner().invoke(main, [str(a) for a in [*arguments, "--passes", 2, "--start", "pyramid"]])
    assert result.exit_code == 0, result.output
    assert load_net(out).architecture.passes == 2
    image = data.camera()[:50, :60]
    np.testing.assert_array_equal(pkn.predict_maps(image, out).apply(image), pkn.denoise(image, out))


def test_a_wider_network_begins_with_what_the_narrower_one_does():
    """And its new channels can be trained."""
    narrow = find_net("any-noise", 3)
    settings = {**narrow.architecture.settings, "width": narrow.architecture.width + 2}
    wide = MapNet(LumaChromaPyramid(), 3, **settings)
    start_from(wide, narrow)
    image, sigma = np.random.default_rng(0).random((1, 3, 40, 50), np.float32), np.array([0.1], np.float32)
    for ours, theirs in zip(
        Predictor(wide.architecture, weights_of(wide))(image, sigma), narrow(image, sigma), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    wide.denoise(torch.from_numpy(image), torch.from_numpy(sigma)).square().mean().backward()
    gradient = wide.trunk[1].weight.grad
    assert gradient[:-2, -2:].abs().max() > 0
    with pytest.raises(ValueError, match="no wider than"):
        start_from(MapNet(LumaChromaPyramid(), 3, width=4, noise="profile"), narrow)

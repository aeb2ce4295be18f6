"""Training: it learns, the same seed gives the same network, and a run can be taken up again."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skimage import data, io

from pkn.cli import main
from pkn.nets import load_net, read_header
from pkn.training import Training, TrainingPlan, checkpoint_path, draw_batch, read_folder, validate

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
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    clean, noisy, sigma = first
    assert torch.allclose((noisy - clean).std((1, 2, 3)), sigma, rtol=0.1)


def test_images_smaller_than_a_crop(images):
    clean, _, _ = draw_batch([image[:9, :11] for image in images], PLAN, 0)
    assert clean.shape == (2, 1, 32, 32)


def test_it_learns(images, tmp_path):
    plan = TrainingPlan(filter="Bilateral", options={"radius": 2}, channels=1, steps=80, batch=4, size=64)
    training = Training(plan, images)
    before = validate(training.net, training.held_back)
    training.run(tmp_path / "net.safetensors")
    after = validate(load_net(tmp_path / "net.safetensors"), training.held_back)
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

    def stop(step, psnr):
        if step == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(PLAN, images).run(parts, stop)
    assert not parts.exists()
    resumed = Training(PLAN, images)
    resumed.resume(checkpoint_path(parts))
    assert resumed.step == 14
    resumed.run(parts)
    assert parts.read_bytes() == whole.read_bytes()
    assert not checkpoint_path(parts).exists()


def test_a_checkpoint_of_another_plan_is_refused(images, tmp_path):
    out = tmp_path / "net.safetensors"

    def stop(step, psnr):
        if psnr:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(PLAN, images).run(out, lambda step, psnr: stop(step - 2, psnr) if step > 2 else None)
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
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]

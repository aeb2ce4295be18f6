"""Model cards: every training command leaves one, and it says what the weights' header does."""

import re

import numpy as np
import pytest
import yaml
from PIL import Image
from sources import ROOT

from pkn.cli._licences import TERMS
from pkn.nets.loading import sha256_of
from pkn.nets.weights import read_header
from pkn.pretrained import weights_folder
from pkn.training.model_cards import card, card_path, describe, write_card

WEIGHTS = sorted(weights_folder().rglob("*.safetensors"))


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


def parsed(text):
    """Front matter as the Hub reads it, and the rest."""
    _, matter, rest = re.split(r"^---$", text, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(matter), rest


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_every_bundled_network_has_a_card_that_is_true(path):
    matter, text = parsed(card([path], licence="mit"))
    assert matter["library_name"] == "pkn"
    assert matter["license"] == "mit"
    assert sha256_of(path) in text
    about = read_header(path)["about"]
    assert about.get("plan", {}).get("data", "") in text
    if psnr := about.get("best", {}).get("psnr"):
        (result,) = matter["model-index"][0]["results"]
        assert [metric["value"] for metric in result["metrics"]] == list(psnr.values())


def test_notice_and_terms_name_all_data_that_weights_saw():
    notice = (ROOT / "NOTICE").read_text()
    names = {name.strip().split(".")[0] for path in WEIGHTS for name in describe(path).data.split(",") if name.strip()}
    assert len(names) >= 4
    for name in names:
        assert name in notice
        assert name in TERMS


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", ("--steps", 2, "--size", 16, "--filter", "isotropic-gaussian")),
        ("train-noise-estimator", ("--examples", 12)),
        ("train-cold", ("--degradation", "noise", "--schedule", "celeba", "--config", "kernels", "--steps", 2)),
        ("train-sampler", ("--config", "tiny", "--steps", 2)),
    ],
)
def test_training_commands_leave_a_card(run, tmp_path, images, command, options):
    pytest.importorskip("torch")
    out = tmp_path / "model.safetensors"
    result = run(command, "--data", images, "--out", out, *options)
    assert result.exit_code == 0, result.output
    matter, text = parsed((tmp_path / "README.md").read_text())
    assert "license" not in matter
    assert sha256_of(out) in text
    said = re.search(r"Command: `(.*)`", text)[1].split()
    assert said[:2] == ["pkn", command]
    assert sorted(said[2:]) == sorted(["--data", "photos", "--out", "model.safetensors", *map(str, options)])
    assert str(tmp_path) not in text


def test_a_wavelet_model_has_one_card(run, tmp_path, images):
    out = tmp_path / "model"
    options = ("--config", "kernels", "--scales", 1, "--batch", 2, "--threads", 1, "--steps", 2)
    result = run("train-wavelet", "--data", images, "--out", out, *options)
    assert result.exit_code == 0, result.output
    text = (out / "README.md").read_text()
    assert all(sha256_of(out / name) in text for name in ("low.safetensors", "scale-0.safetensors"))
    assert not list(out.glob("low.md"))


def test_what_is_no_card_is_never_replaced(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(WEIGHTS[0].read_bytes())
    (tmp_path / "README.md").write_text("# mine\n")
    assert write_card([weights]) is None
    assert (tmp_path / "README.md").read_text() == "# mine\n"
    (tmp_path / "README.md").unlink()
    for command in ("pkn one", "pkn two"):
        assert write_card([weights], command) == tmp_path / "README.md"
    assert "pkn two" in (tmp_path / "README.md").read_text()


def test_the_card_of_any_other_name_is_beside_it(tmp_path):
    assert card_path([tmp_path / "mine.safetensors"]) == tmp_path / "mine.md"


def test_pkn_nets_shows_hash_licence_and_card(run, tmp_path):
    path = weights_folder() / "any-noise-rgb.safetensors"
    listed, shown = run("nets").output, run("nets", "any-noise").output
    assert sha256_of(path)[:12] in listed
    assert "Licence of all: MIT" in listed
    assert sha256_of(path) in shown
    assert "non-commercial research" in shown
    assert run("nets", "any-noise-rgb", "--card").output == card([path], licence="mit")
    (mine := tmp_path / "mine.safetensors").write_bytes(path.read_bytes())
    assert "none is stated" in run("nets", mine).output
    assert "did you mean" in run("nets", "any-nose").output

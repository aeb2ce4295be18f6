"""Evaluation on pairs of real noise: what is read, chosen and measured."""

import numpy as np
import pytest
from skimage import data

import pkn
from pkn.evaluation.metrics import psnr
from pkn.evaluation.pairs import _anscombe, evaluate_pairs, read_pairs
from pkn.io.images import ImageFile, write_image


def write_pairs(folder, channels, names=("a", "b")):
    random = np.random.default_rng(0)
    clean = data.astronaut()[:64, 180:260]
    clean = clean if channels == 3 else clean[..., 1]
    noisy = (clean + random.normal(0, 15, clean.shape)).clip(0, 255).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_image(folder / f"{name}_noisy.png", ImageFile((noisy,)))
        write_image(folder / f"{name}_clean.png", ImageFile((clean,)))
    return noisy, clean


@pytest.mark.parametrize("channels", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_networks_and_opponents_at_their_best(tmp_path, channels):
    noisy, clean = write_pairs(tmp_path, channels)
    rows = {row.method: row for row in evaluate_pairs(tmp_path, ("any-noise",), baselines=True, limit=1)}
    axis = -1 if channels == 3 else None
    ours = pkn.denoise(noisy, channel_axis=axis).clip(0, 1)
    assert rows["any-noise"].psnr == pytest.approx(psnr(ours, clean / 255), abs=1e-3)
    assert rows["noisy"].psnr == pytest.approx(psnr(noisy / 255, clean / 255), abs=1e-3)
    assert all(row.psnr > rows["noisy"].psnr for name, row in rows.items() if name != "noisy")
    assert rows["NLM (OpenCV)"].setting.startswith("h ")
    assert ("CBM3D" if channels == 3 else "BM3D, stabilised variance") in rows


def test_pairs_in_two_folders_and_what_is_missing(tmp_path):
    noisy, clean = write_pairs(tmp_path / "named", 1)
    for kind, pixels in (("noisy", noisy), ("clean", clean)):
        (tmp_path / "two" / kind).mkdir(parents=True)
        write_image(tmp_path / "two" / kind / "0.png", ImageFile((pixels,)))
    for one, two in zip(read_pairs(tmp_path / "two")[0], read_pairs(tmp_path / "named")[0], strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="has 0 noisy images; expected pairs"):
        read_pairs(tmp_path)
    write_image(tmp_path / "named" / "a_clean.png", ImageFile((clean[:10],)))
    with pytest.raises(ValueError, match="and its truth"):
        read_pairs(tmp_path / "named")


def test_the_transform_stabilises_and_its_inverse_is_unbiased():
    random = np.random.default_rng(0)
    stabilise, back = _anscombe(0.02, 1e-4)
    for level in (0.2, 0.5, 0.9):
        noisy = 0.02 * random.poisson(level / 0.02, 200_000) + 0.01 * random.standard_normal(200_000)
        values = stabilise(noisy)
        assert values.std() == pytest.approx(1, rel=0.03)
        assert back(values.mean()) == pytest.approx(level, rel=0.01)


def test_command(run, tmp_path):
    write_pairs(tmp_path / "pairs", 1, names=("a",))
    result = run("evaluate-pairs", tmp_path / "pairs", "--net", "any-noise")
    assert result.exit_code == 0, result.output
    assert "any-noise" in result.output
    assert "noisy" in result.output

"""Evaluation: figures of known truth, tables that parse back, and the command."""

import csv
import io

import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data
from skimage import io as files

from pkn.cli import main
from pkn.evaluation.benchmark import EvaluationPlan, evaluate, networks_of
from pkn.evaluation.global_settings import best_global, has_global
from pkn.evaluation.metrics import Method, Row, measure, psnr, ssim
from pkn.evaluation.tables import HEADER, to_csv, to_markdown
from pkn.evaluation.tasks import make_task, net_method
from pkn.filters import Bilateral, Pyramid, Reblur
from pkn.pretrained import find_net

NOISE_25 = make_task("denoise", (25,)).cases[0]


@pytest.fixture
def folder(tmp_path):
    for name in ("camera", "coins"):
        files.imsave(tmp_path / f"{name}.png", getattr(data, name)()[60:160, 60:180], check_contrast=False)
    return tmp_path


def test_figures_of_known_noise():
    """White noise of level s leaves -20 log10 s dB; an image is like itself."""
    images = [np.full((300, 300, 1), 128, np.uint8)]
    for case in make_task("denoise", (10, 40)).cases:
        row = measure(Method("noisy", lambda given, truth: given), images, case)
        assert row.psnr == pytest.approx(20 * np.log10(255 / float(case.name)), abs=0.05)
    camera = data.camera() / np.float32(255)
    assert ssim(camera, camera) == 1
    assert psnr(camera, camera + 0.1) == pytest.approx(20, abs=1e-4)


def test_noise_depends_on_level_and_image_alone():
    inputs = []
    for _ in range(2):
        measure(
            Method("spy", lambda given, truth: inputs.append(given) or given), [data.coins()[..., None]] * 2, NOISE_25
        )
    np.testing.assert_array_equal(inputs[1], inputs[4])
    assert not np.array_equal(inputs[1], inputs[2])


@pytest.mark.parametrize("name", ["denoise", "camera", "upsample", "deconvolve"])
def test_every_task_is_done_better_than_by_nothing(name):
    task = make_task(name)
    images = [data.camera()[100:260, 100:280, None]]
    net = {"denoise": "pyramid", "camera": "any-noise", "upsample": "upsample", "deconvolve": "reblur"}[name]
    simplest = task.baselines["bilinear" if name == "upsample" else next(iter(task.baselines))][0]
    for case in task.cases:
        ours, theirs = measure(net_method(task, net, 1), images, case), measure(simplest, images, case)
        assert ours.psnr > theirs.psnr + 0.5
        assert ours.parameters < 20_000
        assert ours.seconds > 0


def test_tables_parse_back():
    rows = [
        Row("set, a", "25", "net", 12, 28.123, 0.81234, 0.0123, "h 1"),
        Row("b", "x2", "baseline", None, 1.0, 0.5, 2.0),
    ]
    parsed = list(csv.reader(io.StringIO(to_csv(rows))))
    assert parsed[0] == list(HEADER)
    assert parsed[1] == ["set, a", "25", "net", "12", "28.12", "0.8123", "0.0123", "h 1"]
    lines = to_markdown(rows).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_a_best_global_setting_is_better_than_its_neighbours():
    """For the bilateral filter; the others are searched by the same lines, or have none."""
    assert not has_global(Pyramid())
    assert not has_global(Reblur())
    images = [data.camera()[100:148, 100:148, None]]
    found = best_global(Bilateral(), images, NOISE_25)
    best = measure(found, images, NOISE_25).psnr
    width, spread = (float(part.split()[1]) for part in found.setting.split(", "))
    for other in [(width * 1.5, spread), (width / 1.5, spread), (width, spread * 1.5), (width, spread / 1.5)]:
        method = Method("", lambda given, truth, o=other: Bilateral()(given, *o))
        assert measure(method, images, NOISE_25).psnr < best


def test_command(folder, tmp_path):
    out = tmp_path / "table"
    arguments = ["evaluate", str(folder), "--net", "bilateral", "--net", "pyramid", "--noise", "25"]
    result = CliRunner().invoke(main, [*arguments, "--csv", f"{out}.csv", "--markdown", f"{out}.md"])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [row["method"] for row in rows] == ["bilateral", "pyramid"]
    assert float(rows[1]["PSNR in dB"]) > float(rows[0]["PSNR in dB"]) > 26
    assert "pyramid" in (tmp_path / "table.md").read_text()
    assert rows[0]["parameters"] == str(find_net("bilateral", 1).architecture.parameters)


def test_learned_maps_meet_the_best_global_setting_and_baselines(folder):
    plan = EvaluationPlan(
        nets=("isotropic-gaussian",), baselines=True, noise=(25.0,), train=folder, global_settings=True, limit=1
    )
    reports = []
    callback = lambda done, total, info: reports.append((done, total, info["what"]))  # noqa: E731
    rows = {row.method: row for row in evaluate([folder], plan, callback=callback)}
    assert list(rows)[:3] == ["isotropic-gaussian", "IsotropicGaussian, best global", "noisy"]
    assert {"BM3D", "NLM (OpenCV)", "TV (scikit-image)", "wavelet (scikit-image)"} <= rows.keys()
    learned, fixed, noisy = (row.psnr for row in list(rows.values())[:3])
    assert rows["BM3D"].psnr > learned > fixed + 0.7
    assert fixed > noisy + 3
    assert [report[0] for report in reports] == sorted(report[0] for report in reports)
    assert all(0 <= done < total == 1 for done, total, _ in reports)
    assert [reports[0][2], reports[1][2]] == ["25: choosing settings", f"25: isotropic-gaussian on {folder.name}"]


def test_networks_of_a_task_are_those_trained_for_it():
    assert networks_of("upsample", 1) == ("upsample",)
    assert networks_of("deconvolve", 3) == ("reblur",)
    assert {"pyramid", "bilateral"} <= set(networks_of("denoise", 3)) < set(networks_of("camera", 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--net", "bilaterl"], "did you mean 'bilateral'"),
        (["--net", "bilateral", "--noise", "a"], "--noise is 'a'"),
        (["--net", "bilateral", "--task", "paint"], "task is 'paint'"),
        (["--net", "bilateral", "--global"], "global_settings is True with task 'denoise' and train None; expected"),
        (["--net", "bilateral", "--csv", "/nowhere/x.csv"], "does not exist"),
        (["--net", "bilateral", "--rgb"], "no RGB image"),
    ],
)
def test_errors_are_one_line(folder, arguments, message):
    result = CliRunner().invoke(main, ["evaluate", str(folder), *arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1

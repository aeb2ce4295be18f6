"""Evaluation of networks, best global settings and baselines on folders of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pkn.evaluation.global_settings import best_global, has_global
from pkn.evaluation.metrics import Case, Method, Row, mean_psnr, measure
from pkn.evaluation.tasks import NOISE_LEVELS, Task, make_task, net_method
from pkn.filters.arrays import check_whole_number
from pkn.io.folders import read_folder
from pkn.nets import read_header
from pkn.pretrained import COLOURS, bundled_names, find_net, weights_folder
from pkn.sampling.batching import Callback, silent

TUNING_IMAGES = 12
ALL = ("all",)
TRAINED_FOR = {  # training tasks by evaluation task
    "denoise": {"denoise"},
    "camera": {"denoise", "any-noise"},
    "upsample": {"upsample"},
    "deconvolve": {"deblur"},
}


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured.

    Parameters
    ----------
    task : {"denoise", "camera", "upsample", "deconvolve"}
    nets : tuple of str
        Bundled names or ``.safetensors`` files; ``("all",)`` for every bundled network of the task and colour.
    baselines : bool
        Measure other libraries' methods, too: those of the task's table that are installed.
    noise : tuple of float
        Noise levels, of 255, above 0, for "denoise".
    channels : {1, 3}
        Of the images: grey (colour images are converted) or RGB.
    train : path, optional
        A folder of images on which baselines' settings and best global settings are chosen, for each case. Without it
        baselines have the middle setting of their table.
    global_settings : bool
        Measure the networks' filters with their best global settings, too (where they have any); for "denoise".
    limit : int, optional
        Only so many images of each folder.

    Raises
    ------
    ValueError
        For a noise level or ``limit`` out of range, or global settings without training images or for another task.

    Examples
    --------
    >>> EvaluationPlan(nets=("bilateral",), noise=(25.0,)).task
    'denoise'
    """

    task: str = "denoise"
    nets: tuple[str, ...] = ALL
    baselines: bool = False
    noise: tuple[float, ...] = NOISE_LEVELS
    channels: int = 1
    train: Path | None = None
    global_settings: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if not self.noise or not all(0 < level <= 255 for level in self.noise):
            raise ValueError(f"noise is {self.noise}; expected noise levels above 0 and up to 255")
        if self.limit is not None:
            check_whole_number("limit", self.limit)
        if self.global_settings and (self.task != "denoise" or self.train is None):
            came = f"task {self.task!r} and train {self.train}"
            raise ValueError(
                f"global_settings is True with {came}; expected task 'denoise' and training images (train)"
            )


def evaluate(folders: Sequence[str | Path], plan: EvaluationPlan, callback: Callback = silent) -> list[Row]:
    """Evaluate a plan on folders of images; the same plan gives the same results (except for times).

    Parameters
    ----------
    folders : sequence of paths
    plan : EvaluationPlan
    callback : callable
        ``callback(done, total, {"what": text})`` is called before each step, with the cases that are done, fractions of
        them included.

    Returns
    -------
    list of Row
        Folder by folder, case by case: networks, best global settings, baselines.

    Raises
    ------
    ValueError
        For an unknown task or network, or a folder without images.
    """
    task = make_task(plan.task, plan.noise)
    nets = plan.nets if plan.nets != ALL else networks_of(plan.task, plan.channels)
    data = {Path(folder): read_folder(folder, plan.channels)[: plan.limit] for folder in folders}
    known = read_folder(plan.train, plan.channels) if plan.train else []
    known = [known[i] for i in np.random.default_rng(0).permutation(len(known))[:TUNING_IMAGES]]
    rows: dict[Path, list[Row]] = {folder: [] for folder in data}
    for number, case in enumerate(task.cases):
        callback(number, len(task.cases), {"what": f"{case.name}: choosing settings"})
        methods = [net_method(task, net, plan.channels) for net in nets]
        methods += _global_methods(nets, plan, known, case) + _baseline_methods(task, plan, known, case)
        steps = [(folder, method) for folder in data for method in methods]
        for step, (folder, method) in enumerate(steps):
            text = f"{case.name}: {method.name} on {folder.name}"
            callback(number + step / len(steps), len(task.cases), {"what": text})
            rows[folder].append(measure(method, data[folder], case, folder.name))
    return [row for folder_rows in rows.values() for row in folder_rows]


def networks_of(task: str, channels: int) -> tuple[str, ...]:
    """Names of the bundled networks for an evaluation task and a number of channels."""
    paths = {name: weights_folder() / f"{name}-{COLOURS[channels]}.safetensors" for name in bundled_names()}
    tasks = TRAINED_FOR[task]
    return tuple(
        name for name, path in paths.items() if path.exists() and read_header(path)["about"]["plan"]["task"] in tasks
    )


def _global_methods(nets: Sequence[str], plan: EvaluationPlan, known: list[np.ndarray], case: Case) -> list[Method]:
    """The filters of the networks, each with the one setting that is best for all training images."""
    if not plan.global_settings:
        return []
    filters = dict.fromkeys(find_net(net, plan.channels).filter for net in nets)
    return [best_global(flt, known, case) for flt in filters if has_global(flt)]


def _baseline_methods(task: Task, plan: EvaluationPlan, known: list[np.ndarray], case: Case) -> list[Method]:
    """Each baseline with the setting that is best for the training images."""
    if not plan.baselines:
        return []
    if not known:
        return [settings[len(settings) // 2] for settings in task.baselines.values()]
    return [
        max(settings, key=lambda method: mean_psnr(method, known, case)) if len(settings) > 1 else settings[0]
        for settings in task.baselines.values()
    ]

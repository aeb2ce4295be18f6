"""Whole evaluations: networks, best global settings and peers on folders of images, as a table."""

import csv
import difflib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pkn.bundled import COLOURS, find_net, weights_folder
from pkn.filters import Filter
from pkn.global_settings import best_global, has_global
from pkn.measuring import Case, Method, Row, mean_psnr, measure
from pkn.nets import read_header
from pkn.peers import is_installed
from pkn.training import read_folder
from pkn.trials import NOISE_LEVELS, Trial, make_trial, net_method

ALL = "all"
TUNING_IMAGES = 12
TRAINED_FOR = {"denoise": {"denoise"}, "camera": {"denoise", "camera"}, "upsample": {"upsample"}}
TRAINED_FOR["deconvolve"] = {"deblur"}

Tell = Callable[[str, float], None]  # what is done next, and the share that is done


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured.

    Parameters
    ----------
    task : {"denoise", "camera", "upsample", "deconvolve"}
    nets : tuple of str
        Bundled names or ``.safetensors`` files; "all" for every bundled network of the task.
    peers : tuple of str
        Names in the task's table of peers; "all" for those that are installed.
    noise : tuple of float
        Levels of 255, above 0, for "denoise".
    channels : {1, 3}
        Of the images: grey, to which colour images are turned, or RGB.
    train : path, optional
        A folder of images on which peers' settings and best global settings are chosen, for each case. Without it peers
        have the first setting of their table.
    global_settings : bool
        Measure the networks' filters with their best global settings, too (where they have any); for "denoise".
    limit : int, optional
        Only so many images of each folder.
    """

    task: str = "denoise"
    nets: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    noise: tuple[float, ...] = NOISE_LEVELS
    channels: int = 1
    train: Path | None = None
    global_settings: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if not self.nets and not self.peers:
            raise ValueError("nothing to measure; expected at least one network or peer")
        if not self.noise or not all(0 < level <= 255 for level in self.noise):
            raise ValueError(f"noise is {self.noise}; expected levels above 0 and up to 255")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}; expected at least 1")
        if self.global_settings and (self.task != "denoise" or self.train is None):
            raise ValueError("global settings need training images and the task 'denoise'")


def evaluate(folders: Sequence[str | Path], plan: EvaluationPlan, tell: Tell = lambda text, share: None) -> list[Row]:
    """Measure everything of a plan on folders of images.

    Parameters
    ----------
    folders : sequence of paths
    plan : EvaluationPlan
    tell : callable, optional
        Called as ``tell(text, share)`` before each step, the share done from 0 to 1.

    Returns
    -------
    list of Row
        For each folder, case by case: networks, best global settings, peers.

    Raises
    ------
    ValueError
        For an unknown task, network or peer, one that isn't installed, or a folder without images.
    """
    trial = make_trial(plan.task, plan.noise)
    ours = [net_method(trial, net, plan.channels) for net in _nets(plan)]
    tables = [trial.peers[name] for name in _peers(plan, trial)]
    data = {Path(folder): read_folder(folder, plan.channels)[: plan.limit] for folder in folders}
    known = read_folder(plan.train, plan.channels) if plan.train else []
    known = [known[i] for i in np.random.default_rng(0).permutation(len(known))[:TUNING_IMAGES]]
    filters = _filters(plan) if plan.global_settings else []
    each, rows = 2 * len(filters) + 2 * len(tables) + len(ours), []
    done, total = 0, len(trial.cases) * (len(filters) + len(tables) + len(data) * each)
    for case in trial.cases:
        methods = list(ours)
        for search in (*filters, *tables):
            tell(f"{case.name}: settings", done / total)
            methods.append(_tuned(search, known, case))
            done += 1
        for folder, images in data.items():
            for method in methods:
                tell(f"{folder.name}, {case.name}: {method.name}", done / total)
                rows.append(measure(method, images, case, folder.name))
                done += 1
    places = [folder.name for folder in data]
    return sorted(rows, key=lambda row: places.index(row.data))

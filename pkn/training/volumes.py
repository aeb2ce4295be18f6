"""Training of the network for volumes, on simulated ones: two passes that share all but their outputs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.degradations.any_noise import ERROR_POWER, ERRORS, REGULARIZATION, told_wrongly
from pkn.degradations.camera_noise import add_camera_noise
from pkn.degradations.measured_noise import measured_curve
from pkn.degradations.volumes import draw_volume
from pkn.io.atomic import atomic_path
from pkn.nets import MapNet, Predictor
from pkn.nets.autograd.function import apply_filter
from pkn.nets.map_net.network import weights_of
from pkn.nets.weights import to_bytes, to_config
from pkn.pretrained import find_net
from pkn.restoration.volumes import denoise_volume
from pkn.training.loop import Callback, State, TrainingRun, silent
from pkn.version import __version__

CHECKS, REFRESHED = 12, 4  # validations in a run, and how often the first pass's results are computed anew
LARGEST_GRADIENT = 0.05
FEWEST_COUNTS, MOST_COUNTS = 5, 300  # of the brightest voxel
APART = 4  # px, the largest distance of planes


@dataclass(frozen=True)
class VolumePlan:
    """Everything that determines a run.

    Parameters
    ----------
    steps : int
    seed : int
    start : str
        A network of a filter of planes to start from: a bundled name or a file.
    radius_z : int
        Planes of a window on either side.
    volumes, held_back : int
        Numbers of simulated volumes, and of those among them for validation.
    planes, side : int
        Of a volume.
    batch, size : int
        Crops in a step, and their side, px.
    rate : float
        Largest learning rate of Adam; it warms up over 2 % of the steps and falls to 0 along a cosine.
    data : str
        For the record: what the network and the one to start from have seen.

    Examples
    --------
    >>> from pkn.training.volumes import VolumePlan
    >>> VolumePlan(steps=3000).radius_z
    2
    """

    steps: int
    seed: int = 0
    start: str = "any-noise"
    radius_z: int = 2
    volumes: int = 240
    held_back: int = 16
    planes: int = 9
    side: int = 112
    batch: int = 4
    size: int = 80
    rate: float = 1.5e-3
    data: str = "simulated-volumes, bsds432, gray400"


class Volume(NamedTuple):
    """A noisy volume (D, H, W), the clean one, and the distance of its planes in pixels."""

    noisy: np.ndarray
    clean: np.ndarray
    apart: int


def noisy_volume(random: np.random.Generator, shape: tuple[int, int, int]) -> Volume:
    """Draw a volume in a dim field, recorded with 5 to 300 photons in its brightest voxel and perhaps read noise."""
    apart = int(random.integers(1, APART + 1))
    field = draw_volume(random, shape, apart, crowd=random.uniform(0.5, 3))
    dim = random.uniform(0.02, 0.3)
    clean = np.asarray(dim + (1 - dim) * field, np.float32)
    gain = np.exp(-random.uniform(np.log(FEWEST_COUNTS), np.log(MOST_COUNTS)))
    read_noise = 0.5 * np.sqrt(gain) * max(random.uniform(-0.3, 0.5), 0)
    return Volume(add_camera_noise(clean, gain, read_noise, random), clean, apart)


def start_deep(net: MapNet, other: Predictor) -> None:
    """Give both passes the weights of a network of a filter of planes; maps across planes begin in between."""
    weights = {name: torch.from_numpy(values.copy()) for name, values in other.weights.items()}
    with torch.no_grad():
        for name, values in net.state_dict().items():
            kind, level, *_ = (name := name.removeprefix("second.")).split(".")
            if kind != "heads":
                values.copy_(weights[name])
                continue
            values.zero_()
            theirs = other.architecture.written(int(level))
            for row, written in enumerate(net.architecture.written(int(level))):
                if written in theirs:
                    values[row] = weights[name][theirs.index(written)]


class VolumeTraining(TrainingRun):
    """A run: ``VolumeTraining(plan).run(out)``. It validates, keeps the best network, and can be resumed."""

    def __init__(self, plan: VolumePlan) -> None:
        super().__init__()
        self.plan = plan
        shape = plan.planes, plan.side, plan.side
        self.volumes = [noisy_volume(np.random.default_rng((plan.seed, n)), shape) for n in range(plan.volumes)]
        base = find_net(plan.start, 1)
        torch.manual_seed(plan.seed)
        settings = {**base.architecture.settings, "passes": 2}
        self.net: MapNet = MapNet(replace(base.filter, radius_z=plan.radius_z), 1, **settings)
        start_deep(self.net, base)
        self.config = to_config(self.net.architecture)
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=plan.rate)
        self.first = np.empty((0, *shape), np.float32)  # results of the first pass
        self.history: list[dict[str, Any]] = []
        self.best: tuple[float, dict[str, Tensor]] | None = None

    def run(self, out: Path, callback: Callback = silent) -> None:
        """Train for the steps of the plan and write the best network to ``out``."""
        self.train(out, self.plan.steps, lambda: self.step, callback)

    def _advance(self, left: float) -> Mapping[str, Any]:
        if self.step in {round(self.plan.steps * k / REFRESHED) for k in range(REFRESHED)}:
            self.first = self._first_results()
        part = self.step / self.plan.steps
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate * min(1.0, part / 0.02 + 0.01) * 0.5 * (1 + np.cos(np.pi * part))
        random = np.random.default_rng((self.plan.seed, self.step))
        errors, scale = self._errors(random, range(self.plan.held_back, self.plan.volumes))
        self.optimiser.zero_grad()
        sum((error / scale).mean() for error in errors).backward()  # type: ignore[union-attr]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        return {}

    def _first_results(self) -> np.ndarray:
        """What the first pass makes of all volumes."""
        both = Predictor(self.net.architecture, weights_of(self.net))
        weights = {name: values for name, values in both.weights.items() if not name.startswith("second.")}
        alone = Predictor(replace(both.architecture, passes=1), weights)
        results = []
        for noisy, _, apart in self.volumes:
            flt = replace(alone.filter, spacing=(float(apart), 1.0, 1.0))
            results.append([plane[0] for plane in denoise_volume(iter(noisy[:, None]), alone, flt, 1.0, None)])
        return np.array(results, np.float32)

    def _errors(self, random: np.random.Generator, among: range) -> tuple[list[Tensor], Tensor]:
        """Mean squared errors of each pass for a batch of crops of volumes with the same distance of planes."""
        noisy, first, clean, apart = self._batch(random, among)
        reach, (number, planes) = self.plan.radius_z, noisy.shape[:2]
        centre = noisy[:, reach]
        told = [
            told_wrongly(measured_curve(given.numpy(), truth.numpy()), random, ERRORS["counts"])
            for given, truth in zip(centre, clean, strict=True)
        ]
        flt = replace(self.net.filter, spacing=(float(apart), 1.0, 1.0))
        slots = np.arange(number * planes).reshape(number, planes)
        errors = []
        for guided, given in ((noisy, None), (first, first[:, reach])):
            maps = self.net(centre, told, given)._asdict()
            maps |= self.net.guides(guided.flatten(0, 1), given is not None)
            result = apply_filter(flt, noisy.flatten(0, 1), flt.Maps(**maps), slots)
            errors.append((result - clean).square().mean((1, 2, 3)))
        noise = (centre - clean).square().mean((1, 2, 3)).sqrt()
        return errors, (noise + REGULARIZATION) ** ERROR_POWER

    def _batch(self, random: np.random.Generator, among: range) -> tuple[Tensor, Tensor, Tensor, int]:
        """Noisy planes and first results, (N, planes, 1, H, W), clean centres (N, 1, H, W), and a distance."""
        plan = self.plan
        apart = self.volumes[among[int(random.integers(len(among)))]].apart
        alike = [n for n in among if self.volumes[n].apart == apart]
        parts: list[tuple[np.ndarray, ...]] = []
        for _ in range(plan.batch):
            number = alike[int(random.integers(len(alike)))]
            z = int(random.integers(plan.radius_z, plan.planes - plan.radius_z))
            top, left = (int(random.integers(plan.side - plan.size + 1)) for _ in range(2))
            cut = np.s_[z - plan.radius_z : z + plan.radius_z + 1, top : top + plan.size, left : left + plan.size]
            turns, flips, scale = int(random.integers(4)), random.integers(2, size=2), np.exp(random.normal(0, 0.25))
            noisy, clean, _ = self.volumes[number]
            crops = (np.rot90(each[cut], turns, (1, 2)) for each in (noisy, self.first[number], clean))
            parts.append(tuple(scale * each[:: 1 - 2 * flips[0], :: 1 - 2 * flips[1]] for each in crops))
        stacked = (torch.from_numpy(np.stack(each).astype(np.float32)[:, :, None]) for each in zip(*parts, strict=True))
        given, results, truth = stacked
        return given, results, truth[:, plan.radius_z], apart

    def _check_is_due(self, finished: bool) -> bool:
        return finished or self.step in {round(self.plan.steps * (k + 1) / CHECKS) for k in range(CHECKS)}

    def _check(self) -> Mapping[str, Any]:
        random, scores = np.random.default_rng(self.plan.seed), []
        with torch.inference_mode():
            for _ in range(self.plan.held_back):
                errors, _ = self._errors(random, range(self.plan.held_back))
                scores.append([-10 * torch.log10(error).mean().item() for error in errors])
        psnr = dict(zip(("first pass", "second pass"), np.mean(scores, axis=0).tolist(), strict=True))
        self.history.append({"step": self.step, "psnr": psnr})
        if self.best is None or psnr["second pass"] > self.best[0]:
            weights = {name: values.detach().clone() for name, values in self.net.state_dict().items()}
            self.best = (psnr["second pass"], weights)
        return {"psnr": psnr}

    def _state(self) -> State:
        best = {} if self.best is None else {"best": self.best[1]}
        return {**best, "first": {"results": torch.from_numpy(self.first)}}

    def _facts(self) -> Mapping[str, Any]:
        return {"best": None if self.best is None else self.best[0], "history": self.history}

    def _restore(self, facts: Mapping[str, Any], state: State) -> None:
        self.history, self.first = facts["history"], state["first"]["results"].numpy()
        self.best = None if facts["best"] is None else (facts["best"], dict(state["best"]))

    def _write(self, out: Path) -> None:
        assert self.best is not None
        self.net.load_state_dict(self.best[1])
        best = max(self.history, key=lambda check: check["psnr"]["second pass"])
        about = {
            "pkn": __version__,
            "plan": {**asdict(self.plan), "task": "volume", "start": Path(self.plan.start).name},
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "best": {**best, "psnr": {name: round(v, 3) for name, v in best["psnr"].items()}},
        }
        with atomic_path(out) as temporary:
            temporary.write_bytes(to_bytes(self.config, weights_of(self.net), about))

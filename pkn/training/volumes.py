"""Training of the network for volumes, on simulated ones: two passes that share all but their outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.degradations.any_noise import ERROR_POWER, ERRORS, REGULARIZATION, told_wrongly
from pkn.degradations.camera_noise import add_camera_noise
from pkn.degradations.measured_noise import measured_curve
from pkn.degradations.volumes import draw_volume
from pkn.nets import MapNet, Predictor
from pkn.nets.autograd.function import apply_filter
from pkn.nets.map_net.architecture import SECOND
from pkn.nets.map_net.network import weights_of
from pkn.pretrained import find_net
from pkn.restoration.volumes import denoise_volume
from pkn.training.loop import State
from pkn.training.map_net_run import MapNetRun

REFRESHED = 4  # how often in a run the first pass's results are computed anew
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
        A network of volumes or planes to start from: a bundled name or a file.
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
    task : str
        For the record.

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
    task: str = "volume"


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
    """Give ``net`` the weights of another network for volumes, or both passes those of one for planes.

    Of the latter, maps across planes begin in between. Where a second guide sees more than theirs, it begins without.
    """
    weights = {name: torch.from_numpy(values.copy()) for name, values in other.weights.items()}
    with torch.no_grad():
        for name, values in net.state_dict().items():
            theirs = weights[name if name in weights else name.removeprefix(SECOND)]
            values.zero_()
            kind, level, *_ = name.removeprefix(SECOND).split(".")
            if kind != "heads" or other.filter.radius_z:
                values[tuple(map(slice, theirs.shape))] = theirs
                continue
            written = other.architecture.written(int(level))
            for row, own in enumerate(net.architecture.written(int(level))):
                if own in written:
                    values[row] = theirs[written.index(own)]


class VolumeTraining(MapNetRun):
    """A run: ``VolumeTraining(plan).run(out)``. It validates, keeps the best network, and can be resumed."""

    def __init__(self, plan: VolumePlan) -> None:
        shape = plan.planes, plan.side, plan.side
        self.volumes = [noisy_volume(np.random.default_rng((plan.seed, n)), shape) for n in range(plan.volumes)]
        self.first = np.empty((0, *shape), np.float32)  # results of the first pass
        base = find_net(plan.start, 1)
        base = base if base.filter.radius_z else base.first
        torch.manual_seed(plan.seed)
        settings: dict[str, Any] = {**base.architecture.settings, "passes": 2}
        net = MapNet(replace(base.filter, radius_z=plan.radius_z), 1, **settings)
        start_deep(net, base)
        super().__init__(plan, net)

    def _loss(self) -> Tensor:
        if self.step in {round(self.plan.steps * k / REFRESHED) for k in range(REFRESHED)}:
            self.first = self._first_results()
        random = np.random.default_rng((self.plan.seed, self.step))
        (first, second), scale = self._errors(random, range(self.plan.held_back, self.plan.volumes))
        return (first / scale).mean() + (second / scale).mean()

    def _first_results(self) -> np.ndarray:
        """What the first pass makes of all volumes."""
        alone = Predictor(self.net.architecture, weights_of(self.net)).first
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
        for guided, given in ((noisy, None), (torch.cat([first, noisy], 2), first[:, reach])):
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

    def _psnr(self) -> dict[str, float]:
        random, scores = np.random.default_rng(self.plan.seed), []
        with torch.inference_mode():
            for _ in range(self.plan.held_back):
                errors, _ = self._errors(random, range(self.plan.held_back))
                scores.append([-10 * torch.log10(error).mean().item() for error in errors])
        return dict(zip(("first pass", "second pass"), np.mean(scores, axis=0).tolist(), strict=True))

    def _score(self, psnr: Mapping[str, float]) -> float:
        return psnr["second pass"]

    def _state(self) -> State:
        return {**super()._state(), "first": {"results": torch.from_numpy(self.first)}}

    def _restore(self, facts: Mapping[str, Any], state: State) -> None:
        super()._restore(facts, state)
        self.first = state["first"]["results"].numpy()

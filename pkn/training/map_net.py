"""Training the network of a filter on any folder of images; on two cores ten minutes are enough."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.degradations.any_noise import WHITE_SHARE
from pkn.degradations.tasks import Task, make_task
from pkn.filters import FILTERS, Filter, LumaChromaPyramid, NonLocalMeans, Pyramid
from pkn.io.folders import to_float32
from pkn.nets import MapNet, Predictor
from pkn.nets.map_net.architecture import SECOND
from pkn.pretrained import find_net
from pkn.training.first_stage import AfterDenoising
from pkn.training.map_net_run import MapNetRun


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that determines a run; the same plan gives a bit-identical network on the same machine with as
    many threads (torch sums gradients in an order that depends on their number).

    Parameters
    ----------
    filter : str
        Name of a class in ``pkn.filters.FILTERS``.
    options : dict
        Settings of the filter, e.g. ``{"radius": 7}``.
    channels : {1, 3}
        Of the images: grey or RGB.
    steps : int
    seed : int
    data : str
        Names of the folders with the images, for the record.
    noise : float
        Largest noise level, in image values; the level of each image in a batch is drawn from 0 to this.
    task : str
        Name in ``pkn.degradations.tasks.TASKS``.
    batch, size : int
        Crops in a step, and their side, px.
    rate : float
        Largest learning rate of Adam; it warms up over 2 % of the steps and falls to 0 along a cosine.
    held_back : int
        Images for validation, at most a tenth of all.
    start : str
        A network of the same filter to start from (a bundled name or a file); by default from nothing.
    passes : {1, 2}
        Of the network; see :class:`pkn.nets.Architecture`.
    denoiser : str
        A network that takes noise before, for the tasks "upsample" and "deblur" (a bundled name or a file); by default
        none does.
    white_share : float
        Of the images that have white noise, for the task "any-noise".

    Examples
    --------
    >>> plan = TrainingPlan(filter="Bilateral", options={"radius": 7}, channels=1, steps=1000)
    >>> plan.task, plan.batch, plan.size
    ('denoise', 8, 128)
    """

    filter: str
    options: dict[str, Any]
    channels: int
    steps: int
    seed: int = 0
    data: str = ""
    noise: float = 55 / 255
    task: str = "denoise"
    batch: int = 8
    size: int = 128
    rate: float = 3e-3
    held_back: int = 12
    start: str = ""
    passes: int = 1
    denoiser: str = ""
    white_share: float = WHITE_SHARE


def seconds_per_step(flt: Filter, channels: int) -> float:
    """Seconds that a step of 8 crops of 128 x 128 px takes on two cores (AVX-512).

    Minutes are converted to steps by it, not by the clock, so that the same length always gives the same network.
    """
    if isinstance(flt, LumaChromaPyramid):
        return 0.1 + 3e-4 * (2 * flt.radius + 1) ** 2
    if isinstance(flt, Pyramid):
        return 0.03 + 3e-4 * (2 + channels) / 3 * (2 * flt.radius + 1) ** 2
    each_tap = 8e-4 if isinstance(flt, NonLocalMeans) else 2e-5 * channels
    return 0.034 + each_tap * (2 * flt.radius + 1) ** 2


def draw_batch(images: list[np.ndarray], plan: TrainingPlan, step: int) -> tuple[np.ndarray, np.random.Generator]:
    """Clean crops (N, C, H, W), and the generator for their degradation; seed and step alone determine both."""
    random = np.random.default_rng((plan.seed, step))
    clean = np.empty((plan.batch, plan.size, plan.size, plan.channels), np.float32)
    for target in clean:
        image = images[random.integers(len(images))]
        top, left = (random.integers(max(1, side - plan.size + 1)) for side in image.shape[:2])
        crop = to_float32(image[top : top + plan.size, left : left + plan.size])
        missing = [(0, plan.size - side) for side in crop.shape[:2]]
        crop = np.pad(crop, [*missing, (0, 0)], mode="symmetric") if any(map(any, missing)) else crop
        crop = np.rot90(crop, int(random.integers(4)))
        target[...] = crop[::-1] if random.integers(2) else crop
    return np.ascontiguousarray(clean.transpose(0, 3, 1, 2)), random


def loss_of(task: Task | AfterDenoising, net: MapNet, clean: np.ndarray, random: np.random.Generator) -> Tensor:
    """Mean squared error of the restored batch, over the baseline error of the task for the same settings."""
    device = next(net.parameters()).device
    settings = task.draw(random, len(clean))
    sample = task.degrade(clean, random, **settings)
    given, truth = (torch.from_numpy(images).to(device) for images in sample[:2])
    error = (net.denoise(given, _to_device(sample.told, device)) - truth).square().mean((1, 2, 3))
    return (error / task.baseline_error(truth, given, **settings).to(device)).mean()


def validate(task: Task | AfterDenoising, net: MapNet, images: list[np.ndarray]) -> dict[str, float]:
    """Mean PSNR, dB, at each of the checks of the task, with fixed noise."""
    device = next(net.parameters()).device
    means = {}
    for name, settings in task.checks.items():
        random = np.random.default_rng(list(name.encode()))
        scores = []
        for image in images:
            clean = np.ascontiguousarray(to_float32(image).transpose(2, 0, 1)[None])
            clean = clean[..., : clean.shape[2] // 2 * 2, : clean.shape[3] // 2 * 2]
            sample = task.degrade(clean, random, **settings)
            with torch.inference_mode():
                given = torch.from_numpy(sample.given).to(device)
                out = net.denoise(given, _to_device(sample.told, device)).cpu().numpy()
            scores.append(-10 * np.log10(np.mean((out - sample.truth) ** 2)))
        means[name] = float(np.mean(scores))
    return means


def start_from(net: MapNet, other: Predictor) -> None:
    """Give ``net`` the weights of another network of the same filter.

    A narrower network's channels come first; the new ones keep their weights, and nothing is made of them at first, so
    that ``net`` does the same as ``other``. Of a network with one pass the second one begins as a copy.

    A network for white noise becomes one that is told a profile, and does the same on white noise: on level l it then
    sees values divided by a noise level that is smaller by 2^l, so the first layer's weights are smaller by that.

    Raises
    ------
    ValueError
        If the filters or depths differ, or the other network is wider.
    """
    own, given = net.architecture, other.architecture
    if replace(given, width=own.width, noise=own.noise, passes=own.passes) != own or given.width > own.width:
        raise ValueError(f"start is a network of {given}; expected one of {own.filter} that is no wider than {own}")
    weights = {name: torch.from_numpy(values.copy()) for name, values in other.weights.items()}
    if own.noise != given.noise:
        for level in range(len(own.names)):
            weights[f"stems.{level}.bias"] += level * weights[f"scales.{level}.weight"].ravel()
            weights[f"stems.{level}.weight"] /= 2**level
    with torch.no_grad():
        for name, values in net.state_dict().items():
            theirs = weights[name if name in weights else name.removeprefix(SECOND)]
            if any(np.greater(theirs.shape, values.shape)):
                continue  # a second guide, whose kernels are smaller
            part = tuple(map(slice, theirs.shape))
            values[part[:1]] = 0
            values[part] = theirs


def _to_device(told: Any, device: torch.device) -> Any:
    return torch.from_numpy(told).to(device) if isinstance(told, np.ndarray) else told


class Training(MapNetRun):
    """A run: ``Training(plan, images).run(out)``. It validates, keeps the best network, and can be resumed."""

    def __init__(self, plan: TrainingPlan, images: list[np.ndarray], device: str = "cpu") -> None:
        self.task: Task | AfterDenoising = make_task(plan.task, plan.noise, plan.white_share)
        if plan.denoiser:
            self.task = AfterDenoising(plan.task, find_net(plan.denoiser, plan.channels))
        order = np.random.default_rng(plan.seed).permutation(len(images))
        held = min(plan.held_back, max(1, len(images) // 10))
        self.held_back = [images[i] for i in order[:held]]
        self.images = [images[i] for i in order[held:]] or self.held_back
        torch.manual_seed(plan.seed)
        kind = {kind.__name__: kind for kind in FILTERS}[plan.filter]
        noise = "profile" if plan.task == "any-noise" else "white"
        net: MapNet = MapNet(kind(**plan.options), plan.channels, noise=noise, passes=plan.passes).to(device)
        if plan.start:
            start_from(net, find_net(plan.start, plan.channels))
        super().__init__(plan, net)

    def _loss(self) -> Tensor:
        return loss_of(self.task, self.net, *draw_batch(self.images, self.plan, self.step))

    def _psnr(self) -> dict[str, float]:
        return validate(self.task, self.net, self.held_back)

    def _about(self) -> dict[str, Any]:
        return {"images": len(self.images), "held_back": len(self.held_back)}

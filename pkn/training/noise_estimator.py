"""Training of the small regressions that tell an image's noise from its texture, on simulated noise.

What a denoiser is told ("noise") is learned from noise of all kinds, and leans to more of it. Gain and read noise
("sensor") are those of a line, which a tone curve would bend: they are learned from what a sensor measures, and
don't lean.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from pkn.degradations.any_noise import AnyNoise, noisy_pair
from pkn.degradations.camera_noise import draw_sensor, sensor_noise
from pkn.degradations.measured_noise import level_deviations
from pkn.filters.luma_chroma_pyramid import to_opponent
from pkn.io.atomic import atomic_path
from pkn.io.folders import to_float32
from pkn.nets.weights import to_bytes
from pkn.restoration.noise_statistics import LEVELS, statistics_of
from pkn.training.loop import Callback, silent
from pkn.version import __version__

LARGEST_NOISE = 80 / 255  # of white noise, image values
SIDES = (48, 481)  # px, of the crops
HIDDEN = 48
HELD_BACK = 0.1  # of the examples
STEPS, BATCH, RATE = 6000, 256, 2e-3
# Of what the noise may be, for denoisers: where noise and fine texture look alike, rather noise. Colour images are
# cameras', whose noise looks like texture more than that of grey images; white noise is unmistakable (its estimate
# moves by 1 %).
TARGET_QUANTILE = {1: 0.65, 3: 0.87}
MEDIAN = 0.5
# Standard deviation of noise on the normalised features: what real cameras do lies beside what is simulated. A sensor's
# noise is simpler: with as much, gains would be 7 % too low where noise is correlated by 0.5 px.
FEATURE_NOISE, SENSOR_FEATURE_NOISE = 0.3, 0.1
QUANTISED = 0.5  # of the images that no camera made


def draw_example(
    images: list[np.ndarray], random: np.random.Generator, sensor: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Features of a noisy crop, and its noise levels by part and level: their logarithms, relative to the reference."""
    image = to_float32(images[random.integers(len(images))]).transpose(2, 0, 1)
    low, high = SIDES
    height, width = (int(min(side, np.exp(random.uniform(np.log(low), np.log(high))))) for side in image.shape[1:])
    top, left = (
        int(random.integers(side - part + 1)) for side, part in zip(image.shape[1:], (height, width), strict=True)
    )
    clean = np.ascontiguousarray(image[:, top : top + height, left : left + width])
    if sensor:
        kind, truth = "sensor", clean
        given = clean + sensor_noise(clean, *draw_sensor(random), random)
    else:
        drawn = AnyNoise(LARGEST_NOISE).draw(random, 1)
        kind = str(drawn["kind"][0])
        given, truth = noisy_pair(clean, random, kind, float(drawn["level"][0]))
    if kind != "camera" and random.random() < QUANTISED:
        given = np.rint(255 * given).clip(0, 255) / 255
    noise = (given - truth).astype(np.float64)[None]
    statistics = statistics_of(given)
    parts = [noise[0]] if len(given) == 1 else np.split(to_opponent(noise)[0], [1])
    deviations = np.stack([level_deviations(part, LEVELS) for part in parts])
    targets = np.maximum(deviations, statistics.smallest / 2 ** np.arange(LEVELS)) / statistics.reference
    return statistics.features, np.log(targets).ravel()


def train_noise_estimator(
    images: list[np.ndarray],
    out: Path,
    examples: int = 10_000,
    seed: int = 0,
    callback: Callback = silent,
    sensor: bool = False,
) -> float:
    """Train on ``examples`` simulated images and write the weights; returns the error of examples held back.

    With ``sensor`` it is for gain and read noise, otherwise for denoisers.

    The error is the median over examples of the mean absolute error of the logarithm of noise levels: 0.1 is 10 %.
    ``callback(done, total, {})`` is called after each example.
    """
    drawn = []
    for number in range(examples):
        drawn.append(draw_example(images, np.random.default_rng((seed, number)), sensor))
        callback(number + 1, examples, {})
    features, targets = (np.stack(values).astype(np.float32) for values in zip(*drawn, strict=True))
    quantile = MEDIAN if sensor else TARGET_QUANTILE[images[0].shape[2]]
    weights, error = fit(features, targets, quantile, seed, SENSOR_FEATURE_NOISE if sensor else FEATURE_NOISE)
    about = {"pkn": __version__, "examples": examples, "seed": seed, "error": round(error, 4)}
    config = {"network": "NoiseEstimator", "channels": int(images[0].shape[2])}
    with atomic_path(out) as temporary:
        temporary.write_bytes(to_bytes(config, weights, about))
    return error


def fit(
    features: np.ndarray, targets: np.ndarray, quantile: float, seed: int, feature_noise: float
) -> tuple[dict[str, np.ndarray], float]:
    """Fit the regression; its weights, and the error of the examples held back."""
    x, y = torch.from_numpy(features), torch.from_numpy(targets)
    held = max(1, round(HELD_BACK * len(x)))
    mean, spread = x.mean(0), x.std(0) + 1e-3
    inputs = (x - mean) / spread
    torch.manual_seed(seed)
    layers = (
        nn.Linear(x.shape[1], HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, y.shape[1]),
    )
    net = nn.Sequential(*layers)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        chosen = torch.randint(held, len(x), (BATCH,))
        shaken = inputs[chosen] + feature_noise * torch.randn(BATCH, x.shape[1])
        missing = y[chosen] - net(shaken)
        loss = torch.where(missing > 0, quantile * missing, (quantile - 1) * missing).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    with torch.inference_mode():
        error = float((net(inputs[:held]) - y[:held]).abs().mean(1).median())
    with torch.no_grad():  # the normalisation becomes part of the first layer
        net[0].bias.sub_(net[0].weight @ (mean / spread))  # type: ignore[operator]
        net[0].weight.div_(spread)  # type: ignore[operator]
    return {name: values.detach().numpy().copy() for name, values in net.state_dict().items()}, error

"""Choosing how to denoise a user's own images, without any clean one.

Where frames of one scene are given, a frame that was denoised is held against another one, whose noise is its own: the
mean squared difference is the error and a constant (Noise2Noise; Lehtinen et al. 2018, arXiv 1803.04189). For a single
image it is Stein's estimate. Noise profile, strength and last layers of the network are chosen in turn on one half of
the image (blocks like a chessboard's), each gain is measured on the other half, and what doesn't gain with certainty
stays as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.evidence.drawn_noise import generator, noise_draws
from pkn.evidence.gains import Errors, Gain, Settings, chosen_by, compared, errors_by_frames, errors_by_stein
from pkn.filters.arrays import as_array, check_image, check_whole_number, to_floats, to_planes
from pkn.pretrained import find_net
from pkn.restoration.arguments import known_noise
from pkn.restoration.denoising import DEFAULT_NET, denoise
from pkn.restoration.noise_estimation import measure_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.stacks import order_of

STRENGTHS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
LOUDNESS = (0.8, 1.0, 1.25)  # of the measured noise, to choose from


@dataclass(frozen=True, eq=False)
class Calibration:
    """How to denoise images like the one that was looked at, and what that gains.

    Parameters
    ----------
    strength : float or (float, float)
        As ``strength=`` takes it; 1 where nothing else is certainly better.
    noise : NoiseProfile, optional
        What was measured between frames, or louder or quieter than that, where that is certainly better than what was
        told or is estimated.
    net : str, path or network
        As given, or fine-tuned where that is certainly better.
    gain : float
        Estimated fall of the mean squared error from the default on the half of the image that wasn't chosen by, in
        squared image values; 0 where the default stays.
    standard_error : float
        Of ``gain``, or of that of the best that was refused.
    method : {"frames", "sure"}
    told : dict
        ``sigma`` or ``noise`` as given.
    """

    strength: float | tuple[float, float]
    noise: NoiseProfile | None
    net: Any
    gain: float
    standard_error: float
    method: str
    told: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of :func:`pkn.denoise`: ``pkn.denoise(image, **calibration.settings)``."""
        noise = self.told if self.noise is None else {"noise": self.noise}
        return {"net": self.net, "strength": self.strength, **noise}


def calibrate(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    stack_axis: int | None = None,
    sigma: Any = None,
    noise: NoiseProfile | None = None,
    channel_axis: int | None = None,
    strengths: Sequence[float] = STRENGTHS,
    fine_tune: int = 0,
    rng: Any = None,
) -> Calibration:
    """Choose how :func:`pkn.denoise` treats an image, or frames of one scene, without a clean image.

    Parameters
    ----------
    image : array
        Without gaps.
    net, sigma, noise, channel_axis
        As in :func:`pkn.denoise`. For a single image the noise has to be told: between strengths the error of an
        estimate decides (of a camera's JPEG it chose one that lost 0.5 dB), so without it the default stays.
    stack_axis : int, optional
        Axis of frames that show the same scene, two or more, with independent noise.
    strengths : sequence of float
        To choose from.
    fine_tune : int
        Steps of training the network's last layers on this image (:mod:`pkn.training.fine_tuning`; takes PyTorch, about
        0.2 to 0.5 s a step on two cores); 0 leaves them.
    rng : None, int or numpy.random.Generator
        For Stein's estimate and for training.

    Returns
    -------
    Calibration
        ``pkn.denoise(image, **calibration.settings)`` does what it says.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> frames = np.random.default_rng(0).normal(np.linspace(0, 1, 96), 0.1, (4, 96, 96))
    >>> found = pkn.calibrate(frames, "bilateral", stack_axis=0)
    >>> found.method, found.strength > 1, sorted(found.settings)
    ('frames', True, ['net', 'strength'])
    """
    others = [strength for strength in strengths if strength != 1]
    if not others:
        raise ValueError(f"strengths is {strengths}; expected some other than 1, which is what they are compared with")
    fine_tune = check_whole_number("fine_tune", fine_tune, 0)
    told = {name: value for name, value in (("sigma", sigma), ("noise", noise)) if value is not None}
    if stack_axis is None:
        if known_noise(sigma, noise) is None:
            return Calibration(1.0, None, net, 0.0, float("inf"), "sure", told)
        frames, errors, measured = None, errors_by_stein(image, channel_axis, rng), []
    else:
        frames = _frames_of(image, stack_axis, channel_axis)
        errors, measured = errors_by_frames(frames, channel_axis is not None), _measured(frames)
    chosen = _Chosen(errors, {"net": net, "strength": 1.0, **told})
    chosen.take_best([{"noise": profile, "sigma": None} for profile in measured])
    if fine_tune:
        stack = to_planes(to_floats(check_image(image, channel_axis)), channel_axis) if frames is None else frames
        chosen.take_best([{"net": _fine_tuned(stack, chosen.settings, fine_tune, rng)}])
    chosen.take_best([{"strength": strength} for strength in others])
    if channel_axis is not None:
        luma = chosen.settings["strength"]
        pairs = [(luma, chroma) for chroma in (1.0, *others) if (luma, chroma) != (1, 1)]
        chosen.take_best([{"strength": pair} for pair in pairs])
    found = chosen.settings
    changed = None if found.get("noise") is noise else found["noise"]
    gain, method = chosen.gain(), "sure" if frames is None else "frames"
    return Calibration(found["strength"], changed, found["net"], gain.mean, gain.standard_error, method, told)


class _Chosen:
    """Settings that change where that is certainly better, and the gain of all changes together."""

    def __init__(self, errors: Errors, default: Settings) -> None:
        self.errors, self.settings = errors, default
        self.default_errors = self.errors_now = errors(default)
        self.refused = Gain(0.0, float("inf"), 0)

    def take_best(self, changes: Sequence[Settings]) -> None:
        """The change that is best on the half that is chosen by, if it certainly is on the other."""
        if not changes:
            return
        tried = [(change, self.errors({**self.settings, **change})) for change in changes]
        gains = [compared(self.errors_now, after) for _, after in tried]
        best = max(range(len(tried)), key=lambda number: gains[number][0])
        if gains[best][1].certain:
            self.settings, self.errors_now = {**self.settings, **tried[best][0]}, tried[best][1]
        else:
            self.refused = gains[best][1]

    def gain(self) -> Gain:
        if self.errors_now is self.default_errors:
            return self.refused._replace(mean=0.0)
        return compared(self.default_errors, self.errors_now)[1]


def _frames_of(image: Any, stack_axis: int, channel_axis: int | None) -> np.ndarray:
    """Frames (N, C, H, W), floats."""
    frames = as_array(image)
    frames = frames.transpose(order_of(frames.ndim, channel_axis, stack_axis))
    if len(frames) < 2:
        raise ValueError(f"image has {len(frames)} frames along axis {stack_axis}; expected 2 or more")
    return to_floats(frames if channel_axis is not None else frames[:, None])


def _measured(frames: np.ndarray) -> list[NoiseProfile]:
    """The noise between the frames, and quieter and louder."""
    profile = measure_noise(
        frames if frames.shape[1] > 1 else frames[:, 0], channel_axis=0 if frames.shape[1] > 1 else None
    )
    return [profile.louder(factor) for factor in LOUDNESS]


def _fine_tuned(stack: np.ndarray, settings: Settings, steps: int, rng: Any) -> Any:
    """The network, fine-tuned on the half of the image that is chosen by; of a single image by draws of its noise."""
    from pkn.training.fine_tuning import LOUDER, fine_tune, pairs_of_frames, recorrupted_pairs

    network, random = find_net(settings["net"], stack.shape[1]), generator(rng)
    known = known_noise(settings.get("sigma"), settings.get("noise"))
    if len(stack) > 1:
        pairs = pairs_of_frames(stack, random)
    else:
        axis: Settings = {"channel_axis": 0} if stack.shape[1] > 1 else {}
        clean = denoise(stack[0] if axis else stack[0, 0], **settings, **axis)
        draw = noise_draws(np.reshape(clean, stack.shape[1:]), known)
        pairs = recorrupted_pairs(stack[0], lambda: draw(random))
        known = known.louder(LOUDER) if isinstance(known, NoiseProfile) else known * LOUDER
    return fine_tune(network, pairs, known, learnt=chosen_by(stack.shape[2:]), steps=steps, random=random)

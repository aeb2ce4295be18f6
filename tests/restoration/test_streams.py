"""Videos: frames averaged along motion, then denoised; in order, in time, in little memory."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, shift

import pkn
from pkn.restoration.sequences import windows

SIGMA = 0.1


def scene(height, width, seed=0):
    """Texture from 0.1 to 0.9, with edges."""
    random = np.random.default_rng(seed)
    field = gaussian_filter(random.random((height, width)), 1.2)
    field = (field - field.min()) / np.ptp(field)
    patches = np.kron(random.random((height // 16 + 1, width // 16 + 1)), np.ones((16, 16)))[:height, :width]
    return 0.1 + 0.4 * field + 0.4 * patches


def noisy(frames, seed=0, sigma=SIGMA):
    frames = np.asarray(frames)
    return (frames + sigma * np.random.default_rng(seed).standard_normal(frames.shape)).astype(np.float32)


def psnr(a, b):
    return float(-10 * np.log10(np.mean((a - b) ** 2)))


@given(st.integers(0, 8), st.integers(0, 3), st.integers(0, 3))
def test_windows_are_each_item_with_those_around(number, before, after):
    found = list(windows(iter(range(number)), before, after))
    first = [max(0, n - before) for n in range(number)]
    assert found == [(list(range(f, min(number, n + after + 1))), n - f) for n, f in enumerate(first)]


@pytest.mark.parametrize("causal", [True, False])
def test_an_array_is_denoised_as_its_frames_are(causal):
    video = noisy([scene(40, 56)] * 6)
    whole = pkn.denoise(video, time_axis=0, causal=causal)
    np.testing.assert_array_equal(np.stack(list(pkn.stream(video, causal=causal))), whole)
    moved = pkn.denoise(np.moveaxis(video, 0, 2), time_axis=-1, causal=causal)
    np.testing.assert_array_equal(np.moveaxis(moved, 2, 0), whole)


def test_a_single_frame_is_denoised_as_an_image():
    frame = noisy(scene(40, 56))
    np.testing.assert_array_equal(pkn.denoise(frame[None], time_axis=0)[0], pkn.denoise(frame))


def test_each_result_is_there_with_its_frame_and_old_frames_are_let_go():
    alive = []

    def frames():
        for n in range(12):
            frame = noisy(scene(32, 32), n)
            alive.append(weakref.ref(frame))
            yield frame

    for n, _ in enumerate(pkn.stream(frames(), neighbours=2)):
        assert len(alive) == n + 1
        gc.collect()
        assert sum(each() is not None for each in alive) <= 4  # three, and the first


def test_results_that_look_ahead_come_later():
    asked = []
    frames = (asked.append(n) or noisy(scene(32, 32), n) for n in range(8))
    for n, _ in enumerate(pkn.stream(frames, neighbours=2, causal=False)):
        assert len(asked) == min(8, n + 3)


def test_still_scenes_gain_as_the_root_of_the_number_of_frames():
    clean = scene(96, 128)
    video = noisy([clean] * 7)
    found = pkn.predict_maps(video, time_axis=0, at=3, sigma=SIGMA)
    error = np.std(found.average - clean)
    assert error < 1.1 * SIGMA / np.sqrt(7)
    assert np.median(found.noise_factor) < 1.05 / np.sqrt(7)
    single, together = pkn.denoise(video[3], sigma=SIGMA), pkn.denoise(video, time_axis=0, sigma=SIGMA)[3]
    assert psnr(together, clean) > psnr(single, clean) + 3


def test_a_moving_scene_gains_too():
    large = scene(128, 160)
    clean = np.stack([shift(large, (0.7 * t, -1.3 * t), order=5, mode="mirror")[16:-16, 16:-16] for t in range(-3, 4)])
    video = noisy(clean)
    together, alone = pkn.denoise(video, time_axis=0, sigma=SIGMA), pkn.denoise(video, stack_axes=0, sigma=SIGMA)
    assert psnr(together[3], clean[3]) > psnr(alone[3], clean[3]) + 2
    causal = pkn.denoise(video, time_axis=0, sigma=SIGMA, causal=True)
    assert psnr(causal[6], clean[6]) > psnr(alone[6], clean[6]) + 1.5


def test_what_flashes_up_leaves_no_ghost():
    clean = np.stack([scene(96, 96)] * 7)
    clean[3, 32:64, 32:64] = 1.5
    together = pkn.denoise(noisy(clean), time_axis=0, sigma=SIGMA)
    left = together[[0, 1, 2, 4, 5, 6], 36:60, 36:60] - clean[[0, 1, 2, 4, 5, 6], 36:60, 36:60]
    assert abs(left.mean()) < 0.01
    assert abs((together[3, 36:60, 36:60] - 1.5).mean()) < 0.01


@settings(max_examples=5, deadline=None)
@given(st.floats(-6, 6), st.floats(-100, 100))
def test_units_do_not_matter(power, offset):
    video, factor = noisy([scene(32, 40)] * 3).astype(np.float64), 10**power
    given_too = pkn.denoise(factor * (video + offset), time_axis=0)
    expected = factor * (pkn.denoise(video, time_axis=0) + offset)
    np.testing.assert_allclose(given_too, expected, atol=2e-4 * factor)


def test_strength_0_is_the_identity():
    video = noisy([scene(32, 40)] * 3)
    np.testing.assert_allclose(pkn.denoise(video, time_axis=0, strength=0), video, atol=1e-6)


@pytest.mark.parametrize("net", ["bilateral", "non-local-means", "free-kernel", "pyramid"])
def test_all_networks_take_videos(net):
    video = noisy([scene(48, 64)] * 5)
    together = pkn.denoise(video, net, time_axis=0, sigma=SIGMA)
    assert psnr(together, scene(48, 64)) > psnr(pkn.denoise(video, net, stack_axes=0, sigma=SIGMA), scene(48, 64)) + 1


def test_colours_dtypes_and_stacks_of_videos():
    video = (255 * noisy([scene(32, 40)] * 3).clip(0, 1)).astype(np.uint8)
    colours = np.stack([video, video // 2, 255 - video], -1)
    result = pkn.denoise(colours, time_axis=0, channel_axis=-1, dtype="same")
    assert result.shape == colours.shape
    assert result.dtype == np.uint8
    both = pkn.denoise(np.stack([video, 255 - video], 1), time_axis=0, stack_axes=1)
    np.testing.assert_array_equal(both[:, 0], pkn.denoise(video, time_axis=0))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda v: pkn.denoise(v, time_axis=0, depth_axis=1), ValueError, "expected one of them"),
        (lambda v: pkn.denoise(v, time_axis=3), ValueError, "expected axes of an array"),
        (lambda v: pkn.denoise(v, time_axis=0, mask=np.ones(v.shape[1:], bool)), TypeError, "a mask or a map"),
        (lambda v: pkn.denoise(v, time_axis=0, neighbours=-1), ValueError, "neighbours is -1"),
        (lambda v: pkn.denoise(np.where(v > 0.8, np.nan, v), time_axis=0), ValueError, "not finite"),
        (lambda v: pkn.denoise(v, "bilateral", depth_axis=0), ValueError, "such as 'volume'"),
        (lambda v: pkn.denoise(v, depth_axis=0, spacing=(1, 0, 1)), ValueError, "spacing is"),
        (lambda v: pkn.predict_maps(v, time_axis=0, at=9), ValueError, "at is 9"),
        (lambda v: list(pkn.stream([v[0], v[1][:-1]])), ValueError, "frame 1 is"),
        (lambda v: pkn.stream(v, strength=v[0]), TypeError, "map"),
        (lambda v: pkn.stream(v, dtype="int64"), (TypeError, ValueError), "dtype"),
    ],
)
def test_bad_input_has_one_clear_error(call, kind, message):
    with pytest.raises(kind, match=message):
        call(noisy([scene(32, 40)] * 3))


def test_no_frames_are_no_results():
    assert list(pkn.stream([])) == []

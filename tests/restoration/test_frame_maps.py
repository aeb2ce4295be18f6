"""Maps of a video's frame: exact weights of the frames, motion that is known, files, figures and certificates."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import pkn
from pkn.filters.luma_chroma_pyramid import to_opponent
from pkn.motion.averaging import LANCZOS
from pkn.restoration.frame_maps import FrameMaps

SIZE, STEP = (40, 56), (1, 2)  # pixels by which the scene moves from frame to frame, down and right
SCENE = gaussian_filter(np.random.default_rng(1).random((3, 60, 80)), (0, 2, 2))
SCENE = ((SCENE - SCENE.mean()) / SCENE.std() * 0.15 + 0.5).transpose(1, 2, 0)


def moving(random, rgb=False, frames=5):
    """A scene that moves by ``STEP``, with noise of 0.03."""
    cut = [SCENE[8 - k * STEP[0] :, 12 - k * STEP[1] :][: SIZE[0], : SIZE[1]] for k in range(frames)]
    video = np.stack(cut if rgb else [each[..., 0] for each in cut])
    return (video + 0.03 * random.standard_normal(video.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def grey():
    video = moving(np.random.default_rng(0))
    return video, pkn.predict_maps(video, time_axis=0, at=2)


@pytest.fixture(scope="module")
def rgb():
    video = moving(np.random.default_rng(0), rgb=True)
    return video, pkn.predict_maps(video, time_axis=0, at=2, channel_axis=-1)


def test_shares_sum_to_one_and_say_what_noise_is_left(grey):
    _, found = grey
    np.testing.assert_allclose(found.shares.sum(0), 1, atol=1e-6)
    assert found.shares.min() >= 0
    np.testing.assert_allclose(found.noise_factor, np.sqrt(np.square(found.shares).sum(0)), rtol=1e-5)
    assert np.median(found.noise_factor) < 0.6
    assert (found.frames, found.own) == ([0, 1, 2, 3, 4], 2)


def test_motion_is_that_of_the_scene(grey):
    _, found = grey
    for number, frame in enumerate(found.frames):
        expected = (frame - 2) * np.array(STEP)
        middle = np.median(found.motion[number][:, 10:-10, 12:-12], (1, 2))
        np.testing.assert_allclose(middle, expected, atol=0.25)
    assert not found.motion[found.own].any()


@pytest.mark.parametrize("position", [(0, 0), (0, 55), (39, 0), (39, 55), (20, 28), (1, 30), (13, 54), (38, 7)])
def test_weights_times_frames_are_the_output(grey, position):
    video, found = grey
    weights = found.kernel_at(position)
    assert weights.shape == video.shape
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert (weights * video).sum() == pytest.approx(found.apply()[position], abs=1e-4)


@pytest.mark.parametrize("position", [(0, 0), (39, 55), (20, 28)])
def test_weights_of_luma_and_chroma_times_frames_are_the_output(rgb, position):
    video, found = rgb
    weights = found.kernel_at(position)
    assert weights.shape == (2, *video.shape[:3])
    planes = to_opponent(np.moveaxis(video, -1, 1))  # (frames, 3, H, W)
    output = to_opponent(np.moveaxis(found.apply(), -1, 0)[None])[0, :, *position]
    for channel, part in enumerate((0, 1, 1)):
        assert (weights[part] * planes[:, channel]).sum() == pytest.approx(output[channel], abs=1e-4)


def test_applying_is_denoising(grey, rgb):
    video, found = grey
    assert found.apply().tobytes() == pkn.denoise(video, time_axis=0)[2].tobytes()
    video, found = rgb
    assert found.apply().tobytes() == pkn.denoise(video, time_axis=0, channel_axis=-1)[2].tobytes()


def test_frames_count_from_the_end_and_only_back(grey):
    video, _ = grey
    last = pkn.predict_maps(video, time_axis=0, at=-1, neighbours=1)
    assert last.frames == [3, 4]
    causal = pkn.predict_maps(video, time_axis=0, at=1, causal=True)
    assert causal.frames == [0, 1]
    for at in (5, -6):
        with pytest.raises(ValueError, match=f"at is {at}; expected the number of one of 5 frames"):
            pkn.predict_maps(video, time_axis=0, at=at)


def test_positions_outside_are_refused(grey):
    with pytest.raises(ValueError, match="position is"):
        grey[1].kernel_at((40, 0))


@pytest.mark.parametrize("which", ["grey", "rgb"])
def test_saved_maps_are_bit_identical(request, tmp_path, which):
    _, found = request.getfixturevalue(which)
    found.save(tmp_path / "maps.npz")
    loaded = FrameMaps.load(tmp_path / "maps.npz")
    for name in ("shares", "motion", "average", "noise_factor"):
        assert getattr(loaded, name).tobytes() == getattr(found, name).tobytes(), name
    assert (loaded.frames, loaded.own, loaded.maps.filter) == (found.frames, found.own, found.maps.filter)
    assert loaded.maps.provenance == found.maps.provenance
    assert loaded.apply().tobytes() == found.apply().tobytes()
    assert loaded.kernel_at((3, 4)).tobytes() == found.kernel_at((3, 4)).tobytes()


def test_other_files_are_refused(tmp_path, grey):
    found, path = grey[1], tmp_path / "maps.npz"
    with pytest.raises(ValueError, match=r"expected a name that ends in \.npz"):
        found.save(tmp_path / "maps.tif")
    assert not list(tmp_path.iterdir())
    found.maps.save(path)
    with pytest.raises(ValueError, match="as maps of a frame: it holds parameter maps"):
        FrameMaps.load(path)
    found.save(path)
    with pytest.raises(ValueError, match="as parameter maps: it holds maps of a frame"):
        pkn.ParameterMaps.load(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match="cannot read"):
        FrameMaps.load(path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("shares", lambda shares: 2 * shares, "shares are below 0, or their sum"),
        ("shares", lambda shares: shares[:, 1:], "shares, noise_factor, average, motion and blocks have shapes"),
        ("average", lambda average: np.where(average == average.max(), np.nan, average), "not finite"),
        ("block_0", lambda block: block[:, :1], "blocks have shapes"),
        ("header", lambda header: header.replace('"format": 1', '"format": 2'), "its format is 2; expected 1"),
        ("header", lambda header: json.dumps(json.loads(header) | {"frames": [2]}), "have shapes"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, grey, name, change, message):
    path = tmp_path / "maps.npz"
    grey[1].save(path)
    arrays = dict(np.load(path))
    given = str(arrays[name]) if name == "header" else arrays[name]
    arrays[name] = np.asarray(change(given))
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        FrameMaps.load(path)


def test_figure(grey):
    figure, axes = grey[1].plot()
    titles = [each.get_title() for each in axes]
    assert titles[:3] == ["share of frame 0", "share of frame 1", "share of frame 2, itself"]
    assert titles[5:10] == [*(f"motion to frame {number}" for number in (0, 1, 3, 4)), "colours of motion"]
    assert titles[10].startswith("noise_factor")
    assert titles[11].startswith("radius")
    assert axes[0].images[0].get_clim() == (0, 1)
    colours = np.asarray(axes[8].images[0].get_array())  # down and right: between red (right) and blue (down, left)
    assert np.all(np.median(colours, (0, 1))[[0, 2]] > np.median(colours, (0, 1))[1])
    low, high = axes[9].get_xlim()
    assert (low, high) == pytest.approx((-4.5, 4.5), abs=0.4)  # two frames on: 2 px down, 4 px right
    assert figure.axes


def test_a_frame_by_itself(grey):
    video, _ = grey
    found = pkn.predict_maps(video, time_axis=0, at=2, neighbours=0)
    assert found.frames == [2]
    assert len(found.plot()[1]) == 6  # its share, the noise factor, radius, direction, pixels, coarser
    certificate = pkn.certify(video[[2]], found.apply(), found)
    assert (certificate.convex, certificate.holds) == (True, True)
    assert certificate.absolute_weights == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("which", ["grey", "rgb"])
def test_certificates_bound_the_exact_weights(request, which):
    """At many pixels, beside the weights themselves: sums of |w|, shares of frames, and how far values may go."""
    video, found = request.getfixturevalue(which)
    certificate = pkn.certify(video, found.apply(), found)
    assert (certificate.convex, certificate.holds, certificate.average_holds) == (False, True, True)
    parts = ("luma", "chroma") if which == "rgb" else ("",)
    planes = to_opponent(np.moveaxis(video, -1, 1)) if which == "rgb" else video[:, None]
    output = found.apply() if which == "grey" else None
    sums = []
    for position in [(0, 0), (39, 55), (20, 28), (5, 9), (30, 50), (17, 0)]:
        kernels = np.reshape(found.kernel_at(position), (len(parts), *planes[:, 0].shape))
        for part, kernel in zip(parts, kernels, strict=True):
            sums.append(np.abs(kernel).sum())
            assert sums[-1] <= certificate.absolute_weights[position] + 1e-4
            np.testing.assert_allclose(certificate.shares[part][:, *position], kernel.sum((1, 2)), atol=1e-4)
        if output is not None:
            used = planes[:, 0][kernels[0] != 0]
            room = certificate.overshoot[position] * np.ptp(used) + 1e-5
            assert used.min() - room <= output[position] <= used.max() + room
    assert max(sums) > 1.01  # some weights are below 0
    assert certificate.absolute_weights.max() <= np.abs(LANCZOS).sum(1).max() ** 2 + 1e-4
    assert "by 0." in str(certificate)
    assert str(certificate).count("holds") == 2


def test_every_average_lies_within_what_its_frames_allow(grey):
    """Also frames of nothing but impulses, where weights below 0 show."""
    video, found = grey
    certificate = pkn.certify(video, found.apply(), found)
    low, high = certificate.average_bounds[""][:, 0]
    assert (low <= found.average).all()
    assert (found.average <= high).all()
    impulses = np.zeros_like(video)
    impulses[:, ::5, ::7] = 1
    for sign in (1, -1):
        average = np.zeros(SIZE)
        low, high = pkn.certify(sign * impulses, found.apply(), found).average_bounds[""][:, 0]
        for at in [(10, 14), (11, 17), (23, 30), (0, 0), (39, 20)]:
            single = np.zeros(SIZE, np.float32)
            single[at] = 1
            average[at] = (found._through_time(single) * sign * impulses).sum()
            assert low[at] - 1e-4 <= average[at] <= high[at] + 1e-4


def test_certificates_find_what_was_painted(grey):
    video, found = grey
    painted = found.apply()
    painted[20, 28] += 1
    certificate = pkn.certify(video, painted, found)
    assert (certificate.holds, certificate.outside_range, certificate.average_holds) == (False, 1, True)
    assert "is broken at 1 pixels" in str(certificate)
    other = pkn.certify(video + np.float32(2), found.apply(), found)  # frames that the average is not of
    assert (other.holds, other.average_holds) == (False, False)
    with pytest.raises(ValueError, match=r"image has frames of shapes .*; expected 5 of \(40, 56\)"):
        pkn.certify(video[:3], found.apply(), found)
    with pytest.raises(TypeError, match="mask is given for frames"):
        pkn.certify(video, found.apply(), found, mask=np.ones(SIZE, bool))

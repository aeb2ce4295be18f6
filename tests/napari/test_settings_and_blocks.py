"""What the plugin computes, without napari: results are those of pkn.denoise, previews those of the whole."""

import inspect

import numpy as np
import pytest

import pkn
from pkn.napari.layer_blocks import denoise_block, denoise_blocks, last
from pkn.napari.previews import LARGEST, NEAR, Previews, limited
from pkn.napari.settings import Settings, denoisers, has_chroma, strength_of
from pkn.view.blocks import Area

RANDOM = np.random.default_rng(0)
FRAMES = RANDOM.integers(90, 140, (2, 3, 40, 50), np.uint16)
RGBA = RANDOM.integers(90, 140, (300, 290, 4), np.uint8)


def test_stacks_are_denoised_plane_by_plane():
    steps = list(denoise_blocks(FRAMES, Settings(), rgb=False))
    assert steps == [(done, 6) for done in range(7)]
    clean = last(denoise_blocks(FRAMES, Settings(net="bilateral", strength=0.5), rgb=False))
    wanted = pkn.denoise(FRAMES, "bilateral", strength=0.5, stack_axes=(0, 1), dtype="same")
    np.testing.assert_array_equal(clean, wanted)


def test_a_run_that_is_stopped_has_begun_no_other_plane(monkeypatch):
    begun = []
    monkeypatch.setattr("pkn.napari.layer_blocks.denoise_block", lambda block, *_: begun.append(1) or block)
    steps = denoise_blocks(FRAMES, Settings(), rgb=False)
    assert [next(steps) for _ in range(3)] == [(0, 6), (1, 6), (2, 6)]
    steps.close()
    assert len(begun) == 2


def test_alpha_stays():
    clean = last(denoise_blocks(RGBA, Settings(strength=(1.0, 0.5)), rgb=True))
    np.testing.assert_array_equal(clean[..., 3], RGBA[..., 3])
    wanted = pkn.denoise(RGBA[..., :3], strength=(1.0, 0.5), channel_axis=-1, dtype="same")
    np.testing.assert_array_equal(clean[..., :3], wanted)


def test_dask_arrays_are_read_block_by_block():
    da = pytest.importorskip("dask.array", reason="Dask isn't installed")
    lazy = da.from_array(FRAMES, chunks=(1, 1, 20, 50))
    clean = last(denoise_blocks(lazy, Settings(), rgb=False))
    np.testing.assert_array_equal(clean, last(denoise_blocks(FRAMES, Settings(), rgb=False)))


def test_noise_is_in_the_layers_values(tmp_path):
    plane = RGBA[..., 0]
    clean = denoise_block(plane, Settings(noise=12.75), rgb=False)
    np.testing.assert_array_equal(clean, pkn.denoise(plane, sigma=0.05, dtype="same"))
    floats = plane / np.float32(255)
    np.testing.assert_array_equal(
        denoise_block(floats, Settings(noise=0.05), rgb=False), pkn.denoise(floats, sigma=0.05, dtype="same")
    )
    profile = pkn.NoiseProfile.of_sensor(gain=0.01, read_noise=0.02)
    profile.save(tmp_path / "noise.json")
    np.testing.assert_array_equal(
        denoise_block(plane, Settings(noise=str(tmp_path / "noise.json")), rgb=False),
        pkn.denoise(plane, noise=profile, dtype="same"),
    )


@pytest.mark.parametrize(("third_axis", "blocks"), [("time", 3), ("depth", 2)])
def test_planes_that_belong_together_are_given_together(third_axis, blocks, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "pkn.napari.layer_blocks.denoise", lambda block, net, **named: calls.append((block.shape, named)) or block + 1
    )
    clean = last(denoise_blocks(FRAMES, Settings(third_axis=third_axis), rgb=False))
    np.testing.assert_array_equal(clean, FRAMES + 1)
    assert len(calls) == blocks
    for shape, named in calls:
        assert shape == (6 // blocks, 40, 50)
        assert named == {"strength": 1.0, "channel_axis": None, "dtype": "same", f"{third_axis}_axis": 0}


@pytest.mark.parametrize("third_axis", ["time", "depth"])
def test_the_third_axis_is_one_of_denoise(third_axis):
    if f"{third_axis}_axis" not in inspect.signature(pkn.denoise).parameters:
        pytest.skip(f"this pkn.denoise has no {third_axis}_axis")
    clean = last(denoise_blocks(FRAMES[0], Settings(third_axis=third_axis), rgb=False))
    np.testing.assert_array_equal(clean, pkn.denoise(FRAMES[0], dtype="same", **{f"{third_axis}_axis": 0}))


def test_one_plane_has_no_third_axis():
    with pytest.raises(ValueError, match="third_axis is 'time', but the layer has one plane; expected 'stack'"):
        next(denoise_blocks(FRAMES[0, 0], Settings(third_axis="time"), rgb=False))
    with pytest.raises(ValueError, match="third_axis is 'z'; expected one of stack, time, depth"):
        Settings(third_axis="z")


def test_networks_are_those_that_denoise():
    for rgb in (False, True):
        names = denoisers(rgb)
        assert names[0] == "any-noise"
        assert {"bilateral", "pyramid"} <= set(names)
        assert not {"upsample", "reblur"} & set(names)
    assert has_chroma("any-noise", rgb=True)
    assert not has_chroma("any-noise", rgb=False)
    assert strength_of("any-noise", True, 0.5, 0.7) == (0.5, 0.7)
    assert strength_of("bilateral", True, 0.5, 0.7) == 0.5


@pytest.mark.parametrize("settings", [Settings(), Settings(strength=0.5, noise=20.0), Settings(net="bilateral")])
def test_a_preview_is_a_part_of_the_result(settings):
    part, previews = Area(200, 30, 280, 270), Previews()
    for rgb, image in ((True, RGBA), (False, np.stack([RGBA[..., 0], RGBA[..., 1]]))):
        index = () if rgb else (1,)
        shown = last(previews.steps(image, index, part, settings, rgb))
        np.testing.assert_array_equal(shown, denoise_block(image[index], settings, rgb)[part.tile])


def test_a_preview_changes_with_the_strength_and_forgets():
    previews, part, image = Previews(), Area(0, 0, 30, 30), RGBA[:60, :60, 0].copy()
    for strength in (1.0, 0.0):
        shown = last(previews.steps(image, (), part, Settings(strength=strength), False))
        wanted = pkn.denoise(image, strength=strength, dtype="same")[part.tile]
        np.testing.assert_array_equal(shown, wanted)
    image += 50
    previews.forget()
    wanted = pkn.denoise(image, dtype="same")[part.tile]
    np.testing.assert_array_equal(last(previews.steps(image, (), part, Settings(), False)), wanted)


def test_previews_of_planes_that_belong_together_take_the_nearest(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "pkn.napari.layer_blocks.denoise", lambda block, net, **named: seen.append((block, named)) or block
    )
    volume = RANDOM.integers(0, 255, (2, 30, 200, 220), np.uint8)
    part = Area(100, 10, 150, 60)
    shown = last(Previews().steps(volume, (1, 20), part, Settings(third_axis="depth"), False))
    np.testing.assert_array_equal(shown, volume[1, 20][part.tile])
    ((block, named),) = seen
    np.testing.assert_array_equal(block, volume[1, 20 - NEAR : 21 + NEAR, 36:, :124])
    assert named["depth_axis"] == 0


def test_large_views_show_their_middle():
    assert limited(Area(3, 4, 500, 600)) == Area(3, 4, 500, 600)
    part = limited(Area(0, 0, 4001, 300))
    assert part.bottom - part.top == LARGEST
    assert abs((part.top + part.bottom) / 2 - 2000.5) <= 1
    assert part[1::2] == (0, 300)

"""The panel with Qt, offscreen, on napari's viewer model: no canvas is needed."""

import time

import numpy as np
import pytest
from napari_needs import napari_installed, until

napari_installed()

from napari.components import ViewerModel  # noqa: E402
from qtpy.QtCore import QThreadPool  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

import pkn  # noqa: E402
from pkn.napari.panel import ALL, Panel  # noqa: E402

FRAMES = np.random.default_rng(0).integers(90, 140, (3, 60, 70), np.uint16)
PHOTO = np.random.default_rng(0).integers(90, 140, (60, 70, 3), np.uint8)


@pytest.fixture
def viewer():
    application = QApplication.instance() or QApplication([])
    assert application.platformName() == "offscreen"
    return ViewerModel()


@pytest.fixture
def open_panel(viewer):
    """``open_panel()`` opens the panel; at the end all of its work is stopped."""
    panels = []

    def panel(preview=False):
        panels.append(Panel(viewer))
        panels[-1].preview.value = preview
        return panels[-1]

    yield panel
    for each in panels:
        each.close()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    QApplication.processEvents()


def test_a_run_adds_the_result(viewer, open_panel):
    layer = viewer.add_image(FRAMES, name="cells", scale=(1, 2, 2), colormap="green")
    panel = open_panel()
    panel.luma.value = 0.5
    panel.run.changed.emit(True)
    assert not panel.run.enabled
    assert panel.cancel.enabled
    until(lambda: "cells denoised" in viewer.layers)
    clean = viewer.layers["cells denoised"]
    np.testing.assert_array_equal(clean.data, pkn.denoise(FRAMES, strength=0.5, stack_axes=0, dtype="same"))
    assert clean.scale.tolist() == [1, 2, 2]
    assert clean.colormap.name == "green"
    assert panel.layer.value is layer
    until(lambda: panel.run.enabled)
    assert panel.state.value == "denoising: done"


def test_a_run_is_cancelled_between_planes(viewer, open_panel, monkeypatch):
    begun = []

    def slow(block, *_):
        begun.append(1)
        time.sleep(0.05)
        return block

    monkeypatch.setattr("pkn.napari.layer_blocks.denoise_block", slow)
    viewer.add_image(np.zeros((200, 8, 9), np.float32), name="long")
    panel = open_panel()
    panel.run.changed.emit(True)
    until(lambda: panel.progress.value >= 2)
    assert panel.progress.max == 200
    panel.cancel.changed.emit(True)
    until(lambda: panel._worker is None)
    assert len(begun) < 100
    assert list(viewer.layers) == [viewer.layers["long"]]
    assert panel.state.value == "denoising: cancelled"
    assert panel.run.enabled


def test_what_does_not_count_is_not_shown(viewer, open_panel):
    panel = open_panel()
    assert panel.layer.value is None
    assert not panel.run.enabled
    viewer.add_image(PHOTO, name="photo")
    viewer.add_image(FRAMES, name="cells")
    viewer.add_labels(np.zeros((60, 70), int), name="labels")
    assert [layer.name for layer in panel.layer.choices] == ["photo", "cells"]
    panel.show()
    panel.layer.value = viewer.layers["photo"]
    assert panel.chroma.visible
    assert not panel.third_axis.visible
    panel.net.value = "bilateral"
    assert not panel.chroma.visible
    assert panel.settings().strength == 1.0
    panel.layer.value = viewer.layers["cells"]
    assert panel.net.value == "bilateral"
    assert panel.third_axis.visible
    panel.noise.value = "sigma"
    assert panel.sigma.visible
    assert not panel.profile.visible
    panel.noise.value = "profile"
    with pytest.raises(ValueError, match=r"profile is '.*'; expected a file that pkn\.NoiseProfile.save wrote"):
        panel.settings()


def test_settings_are_those_of_the_panel(viewer, open_panel, tmp_path):
    viewer.add_image(PHOTO)
    panel = open_panel()
    panel.luma.value, panel.chroma.value = 0.5, 1.5
    panel.noise.value, panel.sigma.value = "sigma", 12.0
    assert panel.settings().strength == (0.5, 1.5)
    assert panel.settings().noise == 12.0
    pkn.NoiseProfile.of_sensor(gain=0.01, read_noise=0.02).save(tmp_path / "noise.json")
    panel.noise.value, panel.profile.value = "profile", tmp_path / "noise.json"
    assert panel.settings().noise == str(tmp_path / "noise.json")


def test_the_preview_shows_what_is_on_the_screen_and_follows(viewer, open_panel):
    layer = viewer.add_image(FRAMES, name="cells", scale=(1, 2, 2))
    layer.corner_pixels = np.array([[0, 10, 20], [0, 39, 59]])
    viewer.dims.set_point(0, 1)
    panel = open_panel(preview=True)
    until(lambda: panel.live.layer is not None)
    preview = panel.live.layer
    whole = pkn.denoise(FRAMES[1], dtype="same")
    np.testing.assert_array_equal(preview.data[0], whole[10:40, 20:60])
    np.testing.assert_allclose(preview.data_to_world((0, 0, 0)), layer.data_to_world((1, 10, 20)))
    assert preview.contrast_limits == layer.contrast_limits
    assert preview not in panel.layer.choices
    assert panel.layer.value is layer
    softer = pkn.denoise(FRAMES[1], strength=0.5, dtype="same")[10:40, 20:60]
    for strength in (0.9, 0.7, 0.5):  # a slider that is moved
        panel.luma.value = strength
    until(lambda: np.array_equal(preview.data[0], softer))
    viewer.dims.set_point(0, 2)
    until(lambda: preview.translate[0] == 2)
    np.testing.assert_array_equal(preview.data[0], pkn.denoise(FRAMES[2], strength=0.5, dtype="same")[10:40, 20:60])
    layer.data = FRAMES[::-1].copy()
    moved = pkn.denoise(FRAMES[0], strength=0.5, dtype="same")
    until(lambda: preview.data.shape != (1, 30, 40) or np.array_equal(preview.data[0], moved[10:40, 20:60]))
    panel.preview.value = False
    until(lambda: preview not in viewer.layers)
    assert panel.live.layer is None


def test_a_preview_of_colour_after_one_of_grey(viewer, open_panel):
    viewer.add_image(FRAMES[0], name="grey")
    viewer.add_image(PHOTO, name="photo")
    panel = open_panel(preview=True)
    for name, wanted in (("grey", FRAMES[0]), ("photo", PHOTO)):
        panel.layer.value = viewer.layers[name]
        until(lambda name=name: panel.live.layer is not None and panel.live.layer.name == f"preview of {name}")
        axis = None if name == "grey" else -1
        np.testing.assert_array_equal(panel.live.layer.data, pkn.denoise(wanted, channel_axis=axis, dtype="same"))
    assert len(viewer.layers) == 3


def test_moving_a_slider_computes_once(viewer, open_panel, monkeypatch):
    viewer.add_image(FRAMES[0])
    panel, asked = open_panel(), []
    monkeypatch.setattr(panel.live, "wanted", lambda: asked.append(panel.luma.value))
    for strength in np.linspace(0.1, 1.9, 30):
        panel.luma.value = strength
    until(lambda: asked)
    assert asked == [1.9]


def test_errors_are_said_and_the_panel_goes_on(viewer, open_panel, monkeypatch):
    def broken(block, *_):
        raise ValueError("image is broken; expected another")

    monkeypatch.setattr("pkn.napari.layer_blocks.denoise_block", broken)
    viewer.add_image(FRAMES)
    panel = open_panel()
    panel.run.changed.emit(True)
    until(lambda: panel._worker is None)
    assert panel.state.value == "image is broken; expected another"
    assert panel.run.enabled


def test_maps_become_layers(viewer, open_panel):
    viewer.add_image(FRAMES, name="cells")
    viewer.dims.set_point(0, 2)
    panel = open_panel()
    panel.maps.changed.emit(True)
    until(lambda: "radius [px] of cells" in viewer.layers)
    until(lambda: panel.maps.enabled)
    wanted = pkn.predict_maps(FRAMES[2])
    np.testing.assert_array_equal(
        viewer.layers["radius [px] of cells"].data[0], wanted.readable(FRAMES[2])["radius"].values
    )
    panel.kind.value = ALL
    panel.maps.changed.emit(True)
    until(lambda: "blend_1 of cells" in viewer.layers)
    blend = viewer.layers["blend_1 of cells"]
    np.testing.assert_array_equal(blend.data[0], wanted["blend_1"])
    assert blend.scale.tolist() == [1, 2, 2]
    assert blend.translate.tolist() == [2, 0.5, 0.5]


def test_maps_are_of_one_plane(viewer, open_panel):
    viewer.add_image(FRAMES)
    panel = open_panel()
    panel.third_axis.value = "depth"
    panel.maps.changed.emit(True)
    assert panel.state.value == "third axis is 'depth'; expected 'stack', for maps are of one plane"

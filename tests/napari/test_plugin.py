"""What napari finds of the plugin: the manifest, the entry point, the widgets in a real viewer."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points

import numpy as np
import pytest
from napari_needs import napari_installed, opengl, until
from sources import ROOT

napari_installed()

import napari  # noqa: E402
from npe2 import PluginManifest  # noqa: E402
from qtpy.QtCore import QThreadPool  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

import pkn  # noqa: E402
from pkn.napari.panel import Panel  # noqa: E402

NAME = "procedural-kernels"
MANIFEST = ROOT / "pkn" / "napari" / "napari.yaml"
IMAGE = np.random.default_rng(0).integers(90, 140, (60, 70), np.uint16)


def test_the_manifest_is_valid():
    ran = subprocess.run([sys.executable, "-m", "npe2", "validate", MANIFEST], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == NAME == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    assert {widget.display_name for widget in manifest.contributions.widgets} == {"Denoise", "Denoise (one call)"}


def test_the_distribution_declares_the_manifest():
    found = [each for each in entry_points(group="napari.manifest") if each.name == NAME]
    assert [each.value for each in found] == ["pkn.napari:napari.yaml"]
    manifest = PluginManifest.from_distribution(NAME)
    assert manifest.name == NAME


def test_the_package_needs_no_napari():
    code = "import sys; sys.modules['napari'] = None; import pkn, pkn.napari.denoised_layer, pkn.napari.layer_data"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def viewer():
    application = QApplication.instance() or QApplication([])
    assert application is not None
    if not opengl():
        pytest.skip("Qt has no OpenGL here, which napari's canvas needs; expected a display, or xvfb-run")
    viewer = napari.Viewer(show=False)
    yield viewer
    viewer.close()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    QApplication.processEvents()


def test_the_panel_opens_from_the_menu_and_works(viewer):
    viewer.add_image(IMAGE, name="cells")
    dock, panel = viewer.window.add_plugin_dock_widget(NAME, "Denoise")
    assert isinstance(panel, Panel)
    panel.run.changed.emit(True)
    until(lambda: "cells denoised" in viewer.layers and panel.run.enabled)
    np.testing.assert_array_equal(viewer.layers["cells denoised"].data, pkn.denoise(IMAGE, dtype="same"))
    until(lambda: panel.live.layer is not None)
    shown = viewer.screenshot(canvas_only=False, flash=False)
    assert shown.std() > 10
    dock.destroyOnClose()
    until(lambda: "preview of cells" not in viewer.layers)


def test_the_generated_widget_denoises_a_layer(viewer):
    viewer.add_image(IMAGE, name="cells", scale=(2, 2))
    _, widget = viewer.window.add_plugin_dock_widget(NAME, "Denoise (one call)")
    assert widget.layer.value is viewer.layers["cells"]
    widget()
    np.testing.assert_array_equal(viewer.layers["cells denoised"].data, pkn.denoise(IMAGE, dtype="same"))
    assert viewer.layers["cells denoised"].scale.tolist() == [2, 2]


def test_zooming_moves_the_preview(viewer):
    viewer.add_image(np.random.default_rng(0).integers(90, 140, (600, 700), np.uint16), name="cells")
    _, panel = viewer.window.add_plugin_dock_widget(NAME, "Denoise")
    until(lambda: panel.live.layer is not None)
    before = panel.live.layer.data.shape
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom *= 4
    viewer.screenshot(flash=False)  # draws
    panel.live.request()
    until(lambda: panel.live.layer.data.shape < before)

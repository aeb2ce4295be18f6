"""The picture of docs/napari.md: `python -m benchmarks.napari_picture docs/napari.jpg`.

Needs napari, Qt, scikit-image, and a display, or xvfb-run.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

SIZE, PATIENCE = (1280, 800), 180  # px of the window, seconds


def until(reached: Callable[[], bool]) -> None:
    """Let Qt work until something is reached."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing was drawn in {PATIENCE} s")
        QApplication.processEvents()
        time.sleep(0.01)


def main(path: str) -> None:
    """A noisy frame, its preview and a map of it, side by side."""
    import napari
    from skimage import data

    scene = data.camera()[60:316, 120:376]
    frames = np.random.default_rng(0).poisson(scene / 8, (3, *scene.shape)).astype(np.uint16) + 100
    viewer = napari.Viewer(show=False)
    viewer.window.resize(*SIZE)
    viewer.add_image(frames, name="frames", scale=(1, 0.1, 0.1), units=("s", "um", "um"))
    _, panel = viewer.window.add_plugin_dock_widget("procedural-kernels", "Denoise")
    until(lambda: panel.live.layer is not None)
    panel.maps.changed.emit(True)
    until(lambda: "coarser of frames" in viewer.layers and panel.maps.enabled)
    for layer in [layer for layer in viewer.layers if not layer.visible]:
        viewer.layers.remove(layer)
    viewer.layers.selection.active = panel.live.layer
    viewer.grid.enabled, viewer.grid.shape, viewer.grid.stride = True, (1, 3), 1
    shown = viewer.screenshot(canvas_only=False, flash=False)
    Image.fromarray(shown[..., :3]).save(path, quality=88)
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1])

"""The preview layer: computed in a thread, a moment after the last change, and only for what is still wanted."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkn.napari.layer_data import image_of, part_layer
from pkn.napari.on_screen import plane_of, visible_part
from pkn.napari.previews import Previews, limited
from pkn.napari.settings import Settings

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

DELAY = 150  # ms after the last change


class Wanted(NamedTuple):
    """What a preview is asked of."""

    layer: "Image"
    settings: Settings


class LivePreview:
    """Keeps one layer in front of another, with the denoised pixels of what is on the screen.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    parent : QWidget
        With which all ends.
    wanted : callable
        Gives what is wanted now, or None for no preview.
    say : callable
        Is told of the state in a few words.
    """

    def __init__(
        self, viewer: "ViewerModel", parent: Any, wanted: Callable[[], Wanted | None], say: Callable[[str], None]
    ) -> None:
        from qtpy.QtCore import QTimer

        self.viewer, self.wanted, self.say = viewer, wanted, say
        self.layer: Image | None = None
        self.previews = Previews()
        self._worker: Any = None
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._start)
        camera = getattr(viewer, "scene", viewer).camera  # of the viewer itself before napari 0.9
        self._events = (camera.events.center, camera.events.zoom, viewer.dims.events.point)
        for event in self._events:
            event.connect(self.request)
        viewer.layers.events.removed.connect(self._on_removed)

    def request(self, event: Any = None) -> None:
        """Compute the preview again, after the last of many such calls."""
        self._timer.start()

    def forget(self, event: Any = None) -> None:
        """As :meth:`request`, after a layer's data has changed."""
        self.previews.forget()
        self.request()

    def clear(self) -> None:
        """Stop, and take the preview's layer away."""
        self._timer.stop()
        if self._worker is not None:
            self._worker.quit()
        if self.layer is not None and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)

    def close(self) -> None:
        """As :meth:`clear`, for good."""
        for event in self._events:
            event.disconnect(self.request)
        self.clear()
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    def _start(self) -> None:
        from napari.qt.threading import create_worker

        if self._worker is not None:  # it stops between two steps, and the next one begins then
            self._worker.quit()
            return
        wanted = self.wanted()
        if wanted is None:
            self.clear()
            return
        layer, settings = wanted
        try:
            index = plane_of(self.viewer, layer)
        except ValueError as error:
            self.say(str(error))
            return
        part = limited(visible_part(layer))
        self.say("computing the preview")

        def show(pixels: np.ndarray) -> None:
            self._show(wanted, pixels, (*index, part.top, part.left))

        self._worker = create_worker(
            self.previews.steps,
            *(image_of(layer), index, part, settings, layer.rgb),
            _start_thread=False,
            _connect={"returned": show, "aborted": self.request, "errored": self._failed, "finished": self._finished},
        )
        self._worker.start()

    def _finished(self) -> None:
        self._worker = None

    def _failed(self, error: Exception) -> None:
        self.say(str(error))

    def _show(self, wanted: Wanted, pixels: np.ndarray, start: tuple[int, ...]) -> None:
        from napari.layers import Image

        now = self.wanted()
        if now is None or now.layer is not wanted.layer:
            return
        layer, settings = wanted
        data, state, _ = part_layer(layer, pixels, start, settings, f"preview of {layer.name}")
        if self.layer is not None and (self.layer.rgb, self.layer.ndim) != (layer.rgb, layer.ndim):
            self.viewer.layers.remove(self.layer)
        if self.layer is None:
            active = self.viewer.layers.selection.active
            self.layer = Image(data, **state)
            self.viewer.add_layer(self.layer)
            self.viewer.layers.selection.active = active
        else:
            self.layer.data = data
            for name in ("name", "scale", "translate", "rotate", "shear", "affine", "contrast_limits", "colormap"):
                setattr(self.layer, name, state[name])
        self.say("preview: " + "each pixel as in the result" * (settings.third_axis == "stack"))

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer = None

"""The panel: settings, live preview, a run that can be cancelled, and maps as layers. Only napari loads this."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FileEdit,
    FloatSlider,
    FloatSpinBox,
    Label,
    ProgressBar,
    PushButton,
)
from napari.layers import Image, Layer
from napari.qt.threading import create_worker
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject

from pkn.napari.layer_blocks import denoise_blocks
from pkn.napari.layer_data import LayerData, image_of, map_layers, result_layer
from pkn.napari.live_preview import LivePreview, Wanted
from pkn.napari.on_screen import plane_of
from pkn.napari.settings import NOISE, THIRD_AXES, Settings, denoisers, has_chroma, noise_of, strength_of
from pkn.restoration.denoising import predict_maps

if TYPE_CHECKING:
    import napari

PLAIN, ALL = "in plain units", "as the network sets them"
STRONGEST = 2.0


class _Removal(QObject):  # type: ignore[misc]
    """Calls a function when a widget is taken out of its window."""

    def __init__(self, widget: Any, function: Callable[[], None]) -> None:
        super().__init__(widget)
        self.function = function
        widget.installEventFilter(self)

    def eventFilter(self, widget: Any, event: Any) -> bool:  # noqa: N802
        """As Qt calls it; the event goes on."""
        if event.type() == QEvent.Type.ParentChange and widget.parent() is None:
            self.function()
        return False


class Panel(Container):  # type: ignore[misc]
    """Denoise layers of a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        napari gives its own; a ``napari.components.ViewerModel`` works too.
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        self.viewer = viewer
        self.layer = ComboBox(name="layer", choices=self._images)
        self.net = ComboBox(name="net", label="network", choices=denoisers(rgb=False))
        strength: dict[str, Any] = {"value": 1.0, "min": 0.0, "max": STRONGEST, "step": 0.05}
        self.luma = FloatSlider(
            name="luma", label="strength", tooltip="0: as it is; 1: what the network says", **strength
        )
        self.chroma = FloatSlider(name="chroma", label="of colour", **strength)
        self.noise = ComboBox(name="noise", choices=NOISE)
        self.sigma = FloatSpinBox(name="sigma", value=0.1, min=0.0, max=1e9, step=0.01, tooltip="in the layer's values")
        self.profile = FileEdit(name="profile", filter="*.json", tooltip="saved by pkn.NoiseProfile.save")
        self.third_axis = ComboBox(name="third_axis", label="third axis", choices=THIRD_AXES)
        self.preview = CheckBox(name="preview", text="live preview", value=True)
        self.run, self.cancel = PushButton(text="Denoise"), PushButton(text="Cancel", enabled=False)
        self.kind = ComboBox(name="kind", label="maps", choices=(PLAIN, ALL))
        self.maps = PushButton(text="Maps as layers")
        self.progress, self.state = ProgressBar(value=0, max=1), Label(value="")
        settings = [self.layer, self.net, self.luma, self.chroma, self.noise, self.sigma, self.profile, self.third_axis]
        buttons = Container(widgets=[self.run, self.cancel], layout="horizontal", labels=False)
        more = [self.preview, buttons, self.progress, self.kind, self.maps, self.state]
        super().__init__(widgets=[*settings, *more])
        self._worker: Any = None
        self._watched: Any = None
        self._stopped = False
        self.live = LivePreview(viewer, self.native, self._wanted, self._say)
        self._connect()
        self._watch = _Removal(self.native, self._stop)
        self._layer_chosen()

    def settings(self) -> Settings:
        """What is set now.

        Raises
        ------
        ValueError
            If the noise is to come from a profile, and there is no such file.
        """
        noise = noise_of(self.noise.value, self.sigma.value, self.profile.value)
        strength = strength_of(self.net.value, self.layer.value.rgb, self.luma.value, self.chroma.value)
        return Settings(self.net.value, strength, noise, self.third_axis.value)

    def close(self) -> None:
        """Stop all work, and take the preview away."""
        self._stop()
        super().close()

    @property
    def _closed(self) -> bool:
        """Whether there are no widgets any more; a thread may end after them."""
        return self._stopped or not isalive(self.native)

    def _stop(self) -> None:
        """What has to end before the panel's widgets do."""
        if self._closed:
            return
        self._stopped = True
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.disconnect(self._layers_changed)
        if self._watched is not None:
            self._watched.events.data.disconnect(self.live.forget)
        if self._worker is not None:
            self._worker.quit()
        self.live.close()

    def _connect(self) -> None:
        """What happens when something is chosen or pressed."""
        self.layer.changed.connect(self._layer_chosen)
        self.net.changed.connect(self._show_what_counts)
        self.noise.changed.connect(self._show_what_counts)
        self.run.changed.connect(lambda: self._try(self._run))
        self.maps.changed.connect(lambda: self._try(self._add_maps))
        self.cancel.changed.connect(self._cancel)
        for widget in (self.net, self.luma, self.chroma, self.noise, self.sigma, self.profile, self.third_axis):
            widget.changed.connect(self.live.request)
        self.preview.changed.connect(self.live.forget)
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.connect(self._layers_changed)

    def _images(self, widget: Any) -> list[Image]:
        """What can be chosen: images, but not the preview."""
        preview = self.live.layer if hasattr(self, "live") else None
        return [layer for layer in self.viewer.layers if isinstance(layer, Image) and layer is not preview]

    def _layers_changed(self, event: Any = None) -> None:
        self.layer.reset_choices()

    def _layer_chosen(self, event: Any = None) -> None:
        layer = self.layer.value
        if self._watched is not None:
            self._watched.events.data.disconnect(self.live.forget)
        self._watched = layer
        if layer is not None:
            layer.events.data.connect(self.live.forget)
            chosen, names = self.net.value, denoisers(layer.rgb)
            self.net.choices = names
            self.net.value = chosen if chosen in names else names[0]
        self._show_what_counts()
        self.live.forget()

    def _show_what_counts(self, event: Any = None) -> None:
        layer = self.layer.value
        self.chroma.visible = layer is not None and has_chroma(self.net.value, layer.rgb)
        self.sigma.visible, self.profile.visible = (self.noise.value == name for name in NOISE[1:])
        self.third_axis.visible = layer is not None and layer.ndim > 2
        for button in (self.run, self.maps):
            button.enabled = layer is not None and self._worker is None
        if layer is not None and layer.ndim == 2:
            self.third_axis.value = "stack"

    def _wanted(self) -> Wanted | None:
        """What the live preview is to show."""
        if self._closed or not self.preview.value or self.layer.value is None:
            return None
        try:
            return Wanted(self.layer.value, self.settings())
        except ValueError as error:
            self._say(str(error))
            return None

    def _run(self) -> None:
        layer, settings = self.layer.value, self.settings()

        def add(data: np.ndarray) -> None:
            self._add([result_layer(layer, data, settings, f"{layer.name} denoised")])

        self._start("denoising", add, denoise_blocks, image_of(layer), settings, layer.rgb)

    def _add_maps(self) -> None:
        layer, settings = self.layer.value, self.settings()
        if settings.third_axis != "stack":
            raise ValueError(f"third axis is '{settings.third_axis}'; expected 'stack', for maps are of one plane")
        index, plain = plane_of(self.viewer, layer), self.kind.value == PLAIN

        def predict() -> Generator[tuple[int, int], None, list[LayerData]]:
            plane = np.asarray(image_of(layer)[index])
            plane = plane[..., :3] if layer.rgb else plane
            known: dict[str, Any] = {"strength": settings.strength, **settings.known_noise(plane.dtype)}
            yield 0, 2
            maps = predict_maps(plane, settings.net, channel_axis=-1 if layer.rgb else None, **known)
            yield 1, 2
            return map_layers(layer, maps, plane if plain else None, index)

        self._start("computing maps", self._add, predict)

    def _try(self, action: Callable[[], None]) -> None:
        """Do something, or say why it can't be done."""
        try:
            action()
        except (ValueError, TypeError, OSError) as error:
            self._say(str(error))

    def _start(self, what: str, use: Callable[[Any], None], work: Callable[..., Any], *arguments: Any) -> None:
        """Work in a thread, one work at a time, and use what it returns."""

        def finish(result: Any) -> None:
            use(result)
            self._say(f"{what}: done")

        def unless_closed(do: Callable[..., None]) -> Callable[..., None]:
            return lambda *given: None if self._closed else do(*given)

        heard: dict[str, Callable[..., None]] = {
            "yielded": self._count,
            "returned": finish,
            "aborted": lambda: self._say(f"{what}: cancelled"),
            "errored": lambda error: self._say(str(error)),
            "finished": self._finished,
        }
        connect = {name: unless_closed(do) for name, do in heard.items()}
        self._worker = create_worker(work, *arguments, _start_thread=False, _connect=connect)
        self._show_what_counts()
        self.cancel.enabled = True
        self._say(what)
        self._worker.start()

    def _count(self, counted: tuple[int, int]) -> None:
        done, total = counted
        self.progress.max, self.progress.value = total, done

    def _finished(self) -> None:
        self._worker = None
        self.cancel.enabled = False
        self.progress.value = 0
        self._show_what_counts()

    def _cancel(self) -> None:
        if self._worker is not None:
            self._say("cancelled after this plane")
            self._worker.quit()

    def _add(self, layers: list[LayerData]) -> None:
        chosen = self.layer.value
        for data in layers:
            self.viewer.add_layer(Layer.create(*data))
        self.layer.value = chosen

    def _say(self, text: str) -> None:
        if not self._closed:
            self.state.value = text

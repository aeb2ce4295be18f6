"""The napari plugin: a panel that denoises layers, with a live preview, and maps as layers."""

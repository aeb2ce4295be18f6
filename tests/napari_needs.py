"""What tests of the plugin need, and what they say where it isn't there."""

import os
import time

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
PATIENCE = 120  # seconds: kernels may have to be compiled
REASON = "napari isn't installed: make check-napari"


def napari_installed():
    """Skip a module where napari isn't there."""
    pytest.importorskip("napari.components", reason=REASON, exc_type=ImportError)


def opengl():
    """Whether Qt can make an OpenGL context, which napari's canvas needs."""
    from qtpy.QtGui import QOffscreenSurface, QOpenGLContext

    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    return context.create() and context.makeCurrent(surface)


def until(reached):
    """Let Qt work until something is reached."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end
        QApplication.processEvents()
        time.sleep(0.01)

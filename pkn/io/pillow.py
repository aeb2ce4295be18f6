"""Pillow, made to refuse what is cut off and to keep its warnings to itself."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ImageFile

_LOCK = threading.Lock()  # the switches below are for the whole process


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Let Pillow refuse files that are cut off, whatever the program around has set."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd EXIF, which is carried along unread
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before

"""Pillow with its tolerance of truncated files and its warnings switched off."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ImageFile

_LOCK = threading.Lock()  # the settings below are global to the process


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Make Pillow refuse truncated files and issue no warnings, whatever the calling program has set."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about unusual EXIF, which is only copied
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before

"""A session's server on a thread, and images to look at."""

import json
import socket
import struct
import threading
from contextlib import contextmanager

import numpy as np
import uvicorn

from pkn.io.images import ImageFile, write_image
from pkn.view.guard import HOST
from pkn.view.server import viewer
from pkn.view.session import Session


def noisy(height, width, channels, seed=0):
    """Waves in noise, uint8."""
    rows, columns = np.ogrid[:height, :width]
    waves = 128 + 70 * np.sin(columns / 20) * np.cos(rows / 31)
    values = waves[..., None] + np.random.default_rng(seed).normal(0, 15, (height, width, channels))
    image = values.clip(0, 255).astype(np.uint8)
    return image if channels == 3 else image[..., 0]


def write(path, pixels, alpha=None):
    write_image(path, ImageFile((pixels,), (alpha,)))
    return path


@contextmanager
def serving(*paths):
    """The guard of a server that runs on a thread of its own."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()  # the thread may be late: whoever connects before it waits
        guard = viewer(Session(paths), listener.getsockname()[1])
        config = uvicorn.Config(guard, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield guard
        finally:
            server.should_exit = True
            thread.join()


def frames(content):
    """Headers and bytes of a stream."""
    while content:
        head, body = struct.unpack(">II", content[:8])
        yield json.loads(content[8 : 8 + head]), content[8 + head : 8 + head + body]
        content = content[8 + head + body :]

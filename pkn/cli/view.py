"""``pkn view``."""

import os
import socket
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click

from pkn.cli._first_use import announce_compiling, compile_beside
from pkn.cli._shared import IMAGE, MAX_PIXELS
from pkn.version import missing


@click.command("view")
@click.argument("images", type=IMAGE, nargs=-1, required=True, metavar="IMAGE...")
@click.option("--net", default="any-noise", show_default=True, help="Bundled name or .safetensors file.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of this machine; a free one by default.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@MAX_PIXELS
def command(images: tuple[Path, ...], net: str, port: int, no_browser: bool, max_pixels: int | None) -> None:
    """Look at images before and after, in a page of this machine's browser: strength, maps, what a pixel is made of.

    Only this machine can open the page, with the address that is printed. Nothing is written: the page offers results
    as downloads. Ctrl-C ends it.
    """
    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise ValueError(missing("starlette or uvicorn", "pkn view", "view"))
    from pkn.view.guard import HOST
    from pkn.view.server import viewer
    from pkn.view.session import Session

    session = Session(images, net, max_pixels)
    channels = 1 if session.file(0).image.channel_axis is None else 3
    compile_beside(net, channels)
    announce_compiling()
    session.page(0, 0)  # what can't be shown is said here, not in the page
    with socket.socket() as listener:
        _bind(listener, HOST, port)
        guard = viewer(session, listener.getsockname()[1])
        click.echo(f"{guard.address}\nCtrl-C ends it")
        if not no_browser:
            import webbrowser

            webbrowser.open(guard.address)
        with suppress(KeyboardInterrupt):
            _serve(guard, listener)


def _bind(listener: socket.socket, host: str, port: int) -> None:
    if os.name == "posix":  # elsewhere it would let another program take the port over
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise OSError(f"port is {port}, which can't be had ({error.strerror}); expected a free one, or 0") from None
    listener.listen()


def _serve(guard: object, listener: socket.socket) -> None:
    import uvicorn

    limits = {"limit_concurrency": 64, "timeout_graceful_shutdown": 1}
    quiet = {"log_level": "warning", "access_log": False, "server_header": False, "proxy_headers": False}
    uvicorn.Server(uvicorn.Config(guard, lifespan="off", **limits, **quiet)).run(sockets=[listener])  # type: ignore[arg-type]

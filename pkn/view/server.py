"""The local server: routes, and streams of pictures whose computation ends when their reader goes away."""

import json
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any, TypeVar

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pkn.view import exports, turns
from pkn.view.blocks import BLOCK, LATER, Area, blocks_of, pieces
from pkn.view.denoised_page import DENOISED, MAPS
from pkn.view.guard import Guard
from pkn.view.pixel import Said, pixel_steps
from pkn.view.queries import Query
from pkn.view.session import Session, ShownPage
from pkn.view.turns import Turns

T = TypeVar("T")
ORIGINAL = "original"
SCRIPTS = ("view.js", "canvas.js", "layers.js", "panel.js", "pointers.js", "stream.js")
PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/view.css": ("view.css", "text/css"),
    **{f"/{name}": (name, "text/javascript") for name in SCRIPTS},
}


def viewer(session: Session, port: int, token: str | None = None) -> Guard:
    """The guarded application for a session.

    Parameters
    ----------
    session : Session
    port : int
        On which it will be served, at the loopback address.
    token : str, optional
        By default a new one.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.io.images import ImageFile, write_image
    >>> from pkn.view.server import viewer
    >>> from pkn.view.session import Session
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder) / "a.png", ImageFile((np.zeros((40, 60), np.uint8),)))
    ...     viewer(Session([Path(folder) / "a.png"]), 8000, token="secret").address
    'http://127.0.0.1:8000/?token=secret'
    """
    routes = [Route(path, _page_file(*about)) for path, about in PAGE_FILES.items()]
    viewed = _Viewer(session)
    names = ("files", "about", "legends", "layer", "pixel", "export")
    routes += [Route(f"/{name}", getattr(viewed, name)) for name in names]
    handlers: Any = {ValueError: _clear_error, TypeError: _clear_error, OSError: _clear_error}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token or secrets.token_urlsafe(24), port)


async def _clear_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


def _page_file(name: str, media_type: str) -> Callable[[Request], Any]:
    content = files("pkn.view").joinpath("page", name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer


def frame(header: dict[str, Any], content: bytes = b"") -> bytes:
    """One message of a stream: two lengths, a JSON header, and bytes."""
    head = json.dumps(header).encode()
    return struct.pack(">II", len(head), len(content)) + head + content


class _Viewer:
    """Answers of a session. Images have numbers here; no request holds a path."""

    def __init__(self, session: Session) -> None:
        self.session, self.turns = session, Turns()

    async def _in_turn(self, urgency: int, function: Callable[..., T], *arguments: Any) -> T:
        async with self.turns.turn(urgency):
            return await run_in_threadpool(function, *arguments)

    async def files(self, request: Request) -> Response:
        return JSONResponse({"files": self.session.names, "block": BLOCK})

    async def about(self, request: Request) -> Response:
        query = Query(request.query_params)
        number, page = query.file(self.session)
        return JSONResponse(await run_in_threadpool(self.session.about, number, page))

    async def legends(self, request: Request) -> Response:
        shown = await self._shown(Query(request.query_params))
        return JSONResponse(await self._in_turn(turns.MAP, lambda: shown.legends))

    async def layer(self, request: Request) -> Response:
        query = Query(request.query_params)
        shown = await self._shown(query)
        name = query.layer((ORIGINAL, DENOISED))
        level, strength = query.level(), query.strength(shown)
        part, stretched = query.area(shown, level), query.whether("stretched")
        if name not in (ORIGINAL, DENOISED):
            known = await self._in_turn(turns.MAP, lambda: list(shown.readable))
            if name not in known:
                raise ValueError(f"layer is {name!r}; expected {ORIGINAL}, {DENOISED} or one of {', '.join(known)}")
        return _stream(self._pictures(shown, name, part, level, strength, stretched))

    async def _pictures(
        self, shown: ShownPage, name: str, part: Area, level: int, strength: Any, stretched: bool
    ) -> AsyncIterator[bytes]:
        """Pieces of a layer: at once what is there, then what must be computed, the middle first."""
        blocks, page = blocks_of(part), shown.denoised
        everything = np.ones((blocks.bottom - blocks.top, blocks.right - blocks.left), bool)
        kept_as = DENOISED if name == DENOISED else MAPS
        missing = ~everything if name == ORIGINAL else page.missing(kept_as, blocks, strength)
        total, done = everything.size, 0
        later = LATER << min(level, 1)  # zoomed out there is more to do, of which nothing is seen at once
        plan = [(piece, False) for piece in pieces(~missing, later, later)]
        plan += [(piece, True) for piece in pieces(missing, later=later)]
        for piece, lacking in plan:
            moved = Area(*(at + by for at, by in zip(piece, (blocks.top, blocks.left) * 2, strict=True)))
            if lacking:
                urgency = turns.PICTURE if name == DENOISED else turns.MAP
                await self._in_turn(urgency, page.compute, kept_as, moved, strength)
            pixels = moved.pixels(page.size)
            if name == ORIGINAL:
                rgba = await run_in_threadpool(shown.original, pixels, level, stretched)
            else:
                rgba = await run_in_threadpool(shown.layer, name, pixels, level, strength, stretched)
            done += piece.size
            place = {"top": pixels.top >> level, "left": pixels.left >> level}
            size = {"height": rgba.shape[0], "width": rgba.shape[1], "done": done, "total": total}
            yield frame(place | size, rgba.tobytes())

    async def pixel(self, request: Request) -> Response:
        query = Query(request.query_params)
        shown = await self._shown(query)
        steps = pixel_steps(shown.denoised, query.position(shown), query.strength(shown))

        async def said() -> AsyncIterator[bytes]:
            while (step := await self._in_turn(turns.PIXEL, _following, steps)) is not None:
                yield frame(step)

        return _stream(said())

    async def export(self, request: Request) -> Response:
        query = Query(request.query_params)
        number, page = query.file(self.session)
        shown = await self._shown(query)
        kind, strength = query.one_of("kind", exports.KINDS), query.strength(shown)
        suffix = query.one_of("suffix", ("", ".png", ".tif"))
        return _stream(self._exported(kind, number, page, strength, suffix))

    async def _exported(self, kind: str, number: int, page: int, strength: Any, suffix: str) -> AsyncIterator[bytes]:
        """Progress, then the file; what goes wrong is said in the stream, whose status is sent already."""
        try:
            if kind == "image":
                results = []
                for each in range(len(self.session.file(number).image.pages)):
                    shown = await run_in_threadpool(self.session.page, number, each)
                    whole = exports.WholeResult(shown.denoised, strength)
                    for done, piece in enumerate(whole.pieces):
                        yield frame({"done": done, "total": len(whole.pieces)})
                        await self._in_turn(turns.EXPORT, whole.add, piece)
                    results.append(whole.pixels)
                made = await run_in_threadpool(exports.image_download, self.session, number, results, suffix)
            else:
                yield frame({"done": 0, "total": 1})
                # Beside the turns: the view stays alive meanwhile.
                made = await run_in_threadpool(_made, kind, self.session, number, page, strength)
            yield frame({"name": made.name}, made.content)
        except (ValueError, TypeError, OSError) as error:
            yield frame({"error": str(error)})

    async def _shown(self, query: Query) -> ShownPage:
        return await run_in_threadpool(self.session.page, *query.file(self.session))


def _made(kind: str, session: Session, number: int, page: int, strength: Any) -> exports.Download:
    if kind == "receipt":
        return exports.receipt_download(session, number, strength)
    make = exports.maps_download if kind == "maps" else exports.report_download
    return make(session, number, page, strength)


def _following(steps: Any) -> Said | None:
    return next(steps, None)


def _stream(frames: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(frames, media_type="application/octet-stream")

"""Who is let in: requests to this machine's loopback address that know the token; and what answers may do."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HOST = "127.0.0.1"
LONGEST = 4096  # bytes of a query
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """An ASGI application around another one, which answers only those who may ask.

    A request needs a Host of this machine with our port (a name that someone makes point here, "DNS rebinding", is
    none), and the token: in the address, which sets a cookie for what follows, in that cookie, or in the header
    ``X-Pkn-Token``.

    Parameters
    ----------
    app : ASGI application
    token : str
    port : int

    Examples
    --------
    >>> from pkn.view.guard import Guard
    >>> guard = Guard(None, "secret", 8000)
    >>> guard.address
    'http://127.0.0.1:8000/?token=secret'
    """

    def __init__(self, app: Any, token: str, port: int) -> None:
        self.app, self.token, self.port = app, token, port
        self.cookie = f"pkn_view_{port}"
        self.hosts = (f"{HOST}:{port}", f"localhost:{port}")

    @property
    def address(self) -> str:
        """Where to begin."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal:
            await _refuse(send, *refusal)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS, *self._new_cookie(scope)]
            await send(message)

        await self.app(scope, receive, guarded)

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if len(scope.get("query_string", b"")) > LONGEST:
            return 414, f"the query has {len(scope['query_string'])} bytes; expected at most {LONGEST}"
        if [value for name, value in scope["headers"] if name == b"host"] != [headers.get(b"host", "").encode()]:
            return 403, "Host is missing or there twice; expected it once"
        if headers[b"host"] not in self.hosts:
            return 403, f"Host is {headers[b'host']!r}; expected {' or '.join(self.hosts)}"
        if headers.get(b"sec-fetch-site", "none") == "cross-site" and scope["path"] != "/":
            return 403, "the request comes from another site; expected one of this page"
        given = (self._in_address(scope), _cookie(headers.get(b"cookie", ""), self.cookie), headers.get(b"x-pkn-token"))
        if not any(_same(each, self.token) for each in given):
            return 403, "the token is missing or another; expected the address that pkn view printed"
        return None

    def _in_address(self, scope: Message) -> str | None:
        if scope["path"] != "/":
            return None
        found = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        return found[0] if len(found) == 1 else None

    def _new_cookie(self, scope: Message) -> Iterable[tuple[bytes, bytes]]:
        if _same(self._in_address(scope), self.token):
            yield b"set-cookie", f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict".encode()


def _same(given: str | None, token: str) -> bool:
    return given is not None and secrets.compare_digest(given.encode(), token.encode())


def _cookie(header: str, name: str) -> str | None:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return found.value if found else None


async def _refuse(send: Send, status: int, why: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why.encode()})

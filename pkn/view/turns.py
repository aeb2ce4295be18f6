"""Who computes next: one at a time, what is more urgent first, then whoever asked last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

EXPORT, MAP, PICTURE, PIXEL = range(4)  # the more urgent, the greater


class Turns:
    """Turns at one computation, for tasks of an event loop.

    Whoever is cancelled while waiting (its client went away) gets none.

    Examples
    --------
    >>> import asyncio
    >>> from pkn.view.turns import MAP, PICTURE, Turns
    >>> async def ask(turns, name, urgency, said):
    ...     async with turns.turn(urgency):
    ...         said.append(name)
    ...         await asyncio.sleep(0)
    >>> async def all_ask():
    ...     turns, said = Turns(), []
    ...     asked = [("first", MAP), ("older", PICTURE), ("newer", PICTURE), ("map", MAP)]
    ...     await asyncio.gather(*(ask(turns, *each, said) for each in asked))
    ...     return said
    >>> asyncio.run(all_ask())
    ['first', 'newer', 'older', 'map']
    """

    def __init__(self) -> None:
        self._busy, self._number = False, count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, urgency: int) -> AsyncIterator[None]:
        """Wait for a turn, and have it."""
        if self._busy:
            await self._wait(urgency)
        self._busy = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, urgency: int) -> None:
        mine = (urgency, next(self._number), asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            await mine[2]
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:  # the turn had come already
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next; it stays taken meanwhile."""
        self._busy = bool(self._waiting)
        if self._waiting:
            following = max(self._waiting, key=lambda each: each[:2])
            self._waiting.remove(following)
            following[2].set_result(None)

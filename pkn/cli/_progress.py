"""The one progress bar of the command line."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Callback = Callable[..., None]


_BARS: list[Any] = []  # the one that is shown


@contextmanager
def _only(bar: Any) -> Iterator[None]:
    _BARS.append(bar)
    try:
        yield
    finally:
        _BARS.pop()


@contextmanager
def progress_bar(what: str = "", note: Callable[[Mapping[str, Any]], str | None] | None = None) -> Iterator[Callback]:
    """A bar on standard error, moved by ``callback(done, total, info)``.

    ``info["what"]`` or the number ``info["step"]`` is its text; ``note(info)`` may give a line to keep above the bar.
    Within another bar there is none.
    """
    if _BARS:
        yield lambda done, total, info=None: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=note is None) as bar, _only(bar):
        task = bar.add_task(what, total=1.0)

        def callback(done: float, total: float, info: Mapping[str, Any] | None = None) -> None:
            info = info or {}
            text = info.get("what") or (f"step {info['step']}" if "step" in info else what)
            bar.update(task, completed=done, total=total, description=text)
            line = note(info) if note else None
            if line:
                bar.console.print(line)

        yield callback


def with_progress(items: Sequence[Item], what: str) -> Iterable[Item]:
    """The items, with a bar where there are several."""
    if len(items) < 2:
        yield from items
        return
    with progress_bar(what) as callback:
        for done, item in enumerate(items):
            callback(done, len(items))
            yield item

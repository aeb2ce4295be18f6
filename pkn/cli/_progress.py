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


def _bar(console: Any, transient: bool) -> Any:
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    return progress.Progress(*columns, console=console, transient=transient)


@contextmanager
def progress_bar(what: str = "", note: Callable[[Mapping[str, Any]], str | None] | None = None) -> Iterator[Callback]:
    """A bar on standard error, moved by ``callback(done, total, info)``.

    ``info["what"]`` or the number ``info["step"]`` is its text; ``note(info)`` may give a line to keep above the bar.
    Within another bar there is none; where standard error is no terminal there are the lines alone.
    """
    if _BARS:
        yield lambda done, total, info=None: None
        return
    from rich.console import Console

    console = Console(stderr=True)

    def say(info: Mapping[str, Any] | None) -> None:
        if note and (line := note(info or {})):
            console.print(line)

    if not console.is_terminal:
        with _only(console):
            yield lambda done, total, info=None: say(info)
        return
    with _bar(console, transient=note is None) as bar, _only(bar):
        task = bar.add_task(what, total=1.0)

        def callback(done: float, total: float, info: Mapping[str, Any] | None = None) -> None:
            facts = info or {}
            text = facts.get("what") or (f"step {facts['step']}" if "step" in facts else what)
            bar.update(task, completed=done, total=total, description=text)
            say(info)

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


@contextmanager
def chunk_bar() -> Iterator[Callback]:
    """A bar of what Dask has done, on a terminal (its own bar would fill a log), or of what the callback is told."""
    from dask.callbacks import Callback as DaskCallback

    def tell(key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        done = len(state["finished"])
        callback(done, done + sum(len(state[part]) for part in ("ready", "waiting", "running")))

    with progress_bar("chunks") as callback, DaskCallback(posttask=tell):
        yield callback

"""Items of a sequence with those around them, in the memory of a few."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any, TypeVar

NEIGHBOURS = 3  # frames of a video on either side of each

Item = TypeVar("Item")


def windows(items: Iterable[Item], before: int, after: int) -> Iterator[tuple[list[Item], int]]:
    """Each item in a list with ``before`` and ``after`` others, fewer at the ends, and its index there.

    Items are asked for when they are needed, and let go when they aren't any more.
    """
    held: deque[Any] = deque()
    start = 0  # number of the first item that is held
    end = object()
    for number, item in enumerate(chain(items, repeat(end, after))):
        due = number - after
        if item is not end:
            held.append(item)
        if due >= 0 and start + len(held) > due:
            yield list(held), due - start
        if due - start >= before and held:
            held.popleft()
            start += 1

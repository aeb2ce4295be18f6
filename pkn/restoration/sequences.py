"""What a series is, of frames in time or planes in depth; its items with those around them."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeVar

from pkn.filters.arrays import check_whole_number

NEIGHBOURS = 3  # frames of a video on either side of each

Item = TypeVar("Item")


class Series(NamedTuple):
    """The axis, whether it is of depth, and what else :func:`pkn.denoise` says of it.

    Of a file ``spacing`` may be None: what it says.
    """

    axis: int
    deep: bool
    spacing: Sequence[float] | None
    neighbours: int
    causal: bool


def series_of(
    time_axis: int | None, depth_axis: int | None, spacing: Sequence[float] | None, neighbours: int, causal: bool
) -> Series | None:
    """What was said of time or depth, if one of the axes was given.

    Raises
    ------
    ValueError
        If both were.
    """
    if time_axis is not None and depth_axis is not None:
        raise ValueError(f"time_axis is {time_axis} and depth_axis {depth_axis}; expected one of them (stack_axes)")
    axis = depth_axis if time_axis is None else time_axis
    check_whole_number("neighbours", neighbours, least=0)
    return None if axis is None else Series(axis, time_axis is None, spacing, neighbours, causal)


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

"""How soon ``pkn view`` shows a 12-megapixel image: seconds on this machine, by the clock and of the processor.

``python -m benchmarks.view`` prints the table of docs/view.md. Where other programs run beside it, the processor's
seconds are what an idle machine takes.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pkn.view.blocks import LATER, Area, blocks_of, pieces
from pkn.view.denoised_page import DENOISED, MAPS, DenoisedPage
from pkn.view.pixel import pixel_steps

SIZE, VIEW = (3000, 4000), Area(1024, 1280, 1824, 2480)  # px; 1200 x 800 on the screen


def photograph() -> np.ndarray:
    """Waves in noise of 15/255, (3000, 4000, 3)."""
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    waves = 128 + 70 * np.sin(columns / 20) * np.cos(rows / 31)
    noise = np.random.default_rng(0).normal(0, 15, (*SIZE, 3)).astype(np.float32)
    return (waves[..., None].astype(np.float32) + noise).clip(0, 255).astype(np.uint8)


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Print a row of the table; returns what the work returns."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    print(f"| {name} | {time.perf_counter() - clock:.2f} | {time.process_time() - processor:.2f} |", flush=True)
    return result


def shown(page: DenoisedPage, layer: str, area: Area, strength: Any, later: int = LATER) -> Iterator[Area]:
    """Compute an area as the server does, piece by piece."""
    blocks = blocks_of(area)
    for piece in pieces(page.missing(layer, blocks, strength), later=later):
        moved = Area(*(at + by for at, by in zip(piece, (blocks.top, blocks.left) * 2, strict=True)))
        page.compute(layer, moved, strength)
        yield moved


def main() -> None:
    """Print the table."""
    DenoisedPage(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)).denoised(Area(0, 0, 9, 9), (1, 2))
    image = photograph()
    print("| 12 MP, RGB | s, clock | s, processor |\n|---|---|---|")
    page = timed("noise of the whole image, once", lambda: DenoisedPage(image))
    view = shown(page, DENOISED, VIEW, 1.0)
    timed("first piece of a view of 1200 x 800 px, in full size", lambda: next(view))
    timed("the rest of it", lambda: list(view))
    other = shown(page, DENOISED, VIEW, (1.5, 1.0))
    timed("first piece with another strength", lambda: next(other))
    timed("the rest of it", lambda: list(other))
    timed("first piece of a map over it", lambda: next(shown(page, MAPS, VIEW, 1.0)))
    steps = pixel_steps(page, (1400, 1900), 1.0)
    for name in ("a pixel's kernel", "which map decides", "its deviation and interval", "its certificate"):
        timed(name, lambda: next(steps))
    whole = Area(0, 0, *SIZE)
    timed(
        "all 12 MP, for the view that shows the whole image", lambda: list(shown(page, DENOISED, whole, 1.0, 2 * LATER))
    )


if __name__ == "__main__":
    main()

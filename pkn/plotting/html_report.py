"""A report on one image as an HTML page: before and after, facts, figures."""

import base64
import html
import os
from collections.abc import Sequence
from string import Template
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkn.io.atomic import atomic_path
from pkn.io.png import SIGNATURE, encode_png


class ExplainedPixel(NamedTuple):
    """A pixel that a click explains: where it is, in words why it is what it is, and a PNG file's content."""

    row: int
    column: int
    text: str
    picture: bytes


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    before: NDArray[Any],
    after: NDArray[Any],
    figures: Sequence[tuple[str, bytes]] = (),
    facts: Sequence[tuple[str, str]] = (),
    pixels: Sequence[ExplainedPixel] = (),
    folded: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Write a self-contained HTML page, which refers to nothing on the network and to no other file.

    Parameters
    ----------
    path : str or path
        The HTML file to make or replace.
    title : str
        Heading of the page.
    before, after : array of shape (H, W) or (H, W, 3), uint8
        The pictures to compare with a slider, of the same height and width.
    figures : sequence of (str, bytes)
        ``(caption, content of a PNG file)`` pairs, shown in a grid; a click shows one in full size.
    facts : sequence of (str, str)
        ``(name, value)`` pairs, shown as a table.
    pixels : sequence of ExplainedPixel
        Pixels of ``after``; a click on it explains the nearest of them.
    folded : sequence of (str, bytes)
        More figures, which are shown on demand.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    OSError
        If the file can't be written (see :func:`pkn.io.atomic.atomic_path`).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.plotting.html_report import write_report
    >>> before = np.arange(24, dtype=np.uint8).reshape(4, 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.html"
    ...     write_report(path, title="A ramp", before=before, after=before // 2, facts=[("PSNR", "31.2 dB")])
    ...     page = path.read_text(encoding="utf-8")
    >>> "<h1>A ramp</h1>" in page, "31.2 dB" in page
    (True, True)
    """
    _check_text("title", title)
    _check_picture("before", before)
    _check_picture("after", after)
    if before.shape[:2] != after.shape[:2]:
        raise ValueError(f"after has shape {after.shape}; expected {before.shape[:2]} as before")
    page = _PAGE.substitute(
        title=html.escape(title),
        height=before.shape[0],
        width=before.shape[1],
        before=_data_uri(encode_png(before)),
        after=_data_uri(encode_png(after)),
        facts=_facts_html(facts),
        figures=_figures_html("figures", figures),
        folded=_folded_html(folded),
        pixels=_pixels_html(pixels, *after.shape[:2]),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(
            page, encoding="utf-8", errors="replace"
        )  # file names may hold surrogates, which UTF-8 can't encode


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{name} is {type(text).__name__}; expected text")


def _check_picture(name: str, picture: object) -> None:
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"{name} is {type(picture).__name__}; expected a NumPy array")
    grey_or_rgb = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)
    if picture.dtype != np.uint8 or not grey_or_rgb or picture.size == 0:
        came = f"{picture.dtype} {picture.shape}"
        raise ValueError(f"{name} is {came}; expected uint8 of shape (H, W) or (H, W, 3), not empty")


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _facts_html(facts: Sequence[tuple[str, str]]) -> str:
    rows = []
    for name, value in facts:
        _check_text("facts", name)
        _check_text("facts", value)
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>')
    return "<table>\n" + "\n".join(rows) + "\n</table>" if rows else ""


def _folded_html(figures: Sequence[tuple[str, bytes]]) -> str:
    shown = _figures_html("folded", figures)
    return f"<details>\n<summary>The network's own {len(figures)} maps</summary>\n{shown}\n</details>" if shown else ""


def _figures_html(name: str, figures: Sequence[tuple[str, bytes]]) -> str:
    items = []
    for caption, png in figures:
        _check_text(name, caption)
        if not isinstance(png, bytes) or not png.startswith(SIGNATURE):
            raise ValueError(f"{name} is something else than a PNG file for {caption!r}; expected its bytes")
        text = html.escape(caption)
        picture = f'<img src="{_data_uri(png)}" alt="{text}">'
        button = f'<button type="button" title="Show in full size">{picture}</button>'
        items.append(f"<figure>{button}<figcaption>{text}</figcaption></figure>")
    return '<div class="grid">\n' + "\n".join(items) + "\n</div>" if items else ""


def _pixels_html(pixels: Sequence[ExplainedPixel], height: int, width: int) -> str:
    if not pixels:
        return ""
    buttons, panels = [], []
    for row, column, text, picture in pixels:
        place = f"left:{100 * (column + 0.5) / width:.3f}%;top:{100 * (row + 0.5) / height:.3f}%"
        label = f"row {row}, column {column}"
        buttons.append(f'<button type="button" style="{place}" aria-label="{label}" aria-pressed="false"></button>')
        image = f'<img src="{_data_uri(picture)}" alt="weights around {label}">'
        panels.append(f"<figure hidden>{image}<figcaption>{html.escape(text)}</figcaption></figure>")
    return _PIXELS.substitute(buttons="\n".join(buttons), panels="\n".join(panels))


_PIXELS = Template("""\
<section class="why">
<h2>Why this pixel</h2>
<p>Click on the picture, or choose a dot: orange are the pixels that the marked one was made of, the stronger the
heavier.</p>
<div class="pixels"><img alt="after">
$buttons
</div>
<div class="panels" aria-live="polite">
$panels
</div>
</section>""")

# The Content-Security-Policy makes browsers block all requests, so that nothing is fetched. A figure opens in a
# <dialog>, since browsers don't follow links to data: addresses.
_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: #2e2e2e; color: #dedede;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0 0 1.5rem; font-size: 1.6rem; font-weight: 600; line-height: 1.25; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; image-rendering: auto; }
.compare { --at: 50%; position: relative; width: fit-content; max-width: 100%; margin: 0 auto; overflow: hidden; }
.compare .after { position: absolute; inset: 0; width: 100%; height: 100%; clip-path: inset(0 0 0 var(--at)); }
/* The slider lies unseen on the picture, half a thumb wider on each side, so that its thumb follows the line. */
.compare input { position: absolute; top: 0; left: -1.25rem; width: calc(100% + 2.5rem); height: 100%; margin: 0;
  opacity: 0; appearance: none; -webkit-appearance: none; cursor: ew-resize; touch-action: pan-y; }
.compare input::-webkit-slider-runnable-track { height: 100%; }
.compare input::-webkit-slider-thumb { -webkit-appearance: none; width: 2.5rem; height: 100%; }
.compare input::-moz-range-thumb { width: 2.5rem; height: 100%; border: 0; }
.line { position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.line::after { content: ""; position: absolute; top: 50%; left: 50%; width: 1.5rem; height: 1.5rem;
  transform: translate(-50%, -50%); border: 2px solid #fff; border-radius: 50%;
  background: rgba(40, 40, 40, .6); box-shadow: 0 0 3px #000; }
.compare input:focus-visible ~ .line::after { outline: 3px solid #fff; outline-offset: 2px; }
.labels { display: flex; justify-content: space-between; margin: .4rem auto 0; min-width: 8rem;
  width: ${width}px; max-width: 100%; color: #b4b4b4; }
table { margin: 2rem 0 0; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem 2rem .35rem 0; border-bottom: 1px solid #474747; text-align: left; vertical-align: top; }
th { color: #b4b4b4; font-weight: 400; }
td { overflow-wrap: anywhere; }
@media (min-width: 40rem) { th { white-space: nowrap; } }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem; font-weight: 600; }
.pixels { position: relative; width: fit-content; max-width: 100%; cursor: crosshair; }
.pixels button { position: absolute; width: .6rem; height: .6rem; margin: -.3rem 0 0 -.3rem; padding: 0;
  border: 1px solid #000; border-radius: 50%; background: rgba(255, 255, 255, .55); cursor: inherit; }
.pixels button[aria-pressed=true] { width: 1rem; height: 1rem; margin: -.5rem 0 0 -.5rem; background: #ff8c00; }
.why { display: grid; align-items: start; column-gap: 1.5rem;
  grid-template-columns: minmax(0, auto) minmax(14rem, 1fr); }
.why h2, .why p { grid-column: 1 / -1; }
.why p { margin: 0 0 .8rem; color: #b4b4b4; }
.panels figcaption { white-space: pre-line; color: inherit; }
.panels img { image-rendering: pixelated; width: 100%; max-width: 36rem; }
@media (max-width: 45rem) { .why { grid-template-columns: 1fr; } .panels { margin-top: 1rem; } }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1.5rem;
  margin-top: 2.5rem; }
figure { margin: 0; }
summary { margin-top: 2.5rem; cursor: pointer; font-size: 1.1rem; }
figcaption { margin-top: .4rem; color: #b4b4b4; font-size: .9rem; overflow-wrap: anywhere; }
.grid button { display: block; padding: 0; border: 0; background: none; cursor: zoom-in; }
:focus-visible { outline: 2px solid #fff; outline-offset: 2px; }
dialog { max-width: 100vw; max-height: 100vh; padding: 0; border: 0; outline: 0; background: #2e2e2e;
  overflow: auto; cursor: zoom-out; }
dialog::backdrop { background: rgba(30, 30, 30, .95); }
dialog img { max-width: none; }
</style>
</head>
<body>
<h1>$title</h1>
<div class="compare">
<img src="$before" width="$width" height="$height" alt="before">
<img class="after" src="$after" width="$width" height="$height" alt="after">
<input type="range" min="0" max="100" step="0.5" value="50" autocomplete="off"
 aria-label="Where the picture before ends and the picture after begins, in percent">
<div class="line"></div>
</div>
<div class="labels"><span>before</span><span>after</span></div>
$facts
$pixels
$figures
$folded
<dialog aria-label="Figure in full size"><img alt=""></dialog>
<script>
const compare = document.querySelector(".compare"), slider = compare.querySelector("input");
const move = () => compare.style.setProperty("--at", slider.value + "%");
slider.addEventListener("input", move);
move();
const dialog = document.querySelector("dialog"), full = dialog.querySelector("img");
document.querySelectorAll(".grid button").forEach(button => button.addEventListener("click", () => {
  const picture = button.querySelector("img");
  full.src = picture.src;
  full.alt = picture.alt;
  dialog.showModal();
}));
dialog.addEventListener("click", () => dialog.close());
const pixels = document.querySelector(".pixels");
if (pixels) {
  pixels.querySelector("img").src = document.querySelector(".after").src;
  const dots = [...pixels.querySelectorAll("button")], panels = document.querySelectorAll(".panels figure");
  const choose = chosen => dots.forEach((dot, n) => {
    dot.setAttribute("aria-pressed", n === chosen);
    panels[n].hidden = n !== chosen;
  });
  const distance = (dot, event) => {
    const box = dot.getBoundingClientRect();
    return Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
  };
  pixels.addEventListener("click", event => {
    const found = dots.indexOf(event.target);
    const nearest = dots.reduce((best, dot, n) => distance(dot, event) < distance(dots[best], event) ? n : best, 0);
    choose(found < 0 ? nearest : found);  // a dot that was chosen by key has no place
  });
  choose(0);
}
</script>
</body>
</html>
""")

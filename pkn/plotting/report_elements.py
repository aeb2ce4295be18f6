"""The elements of a report's page, as HTML."""

import base64
import html
from collections.abc import Sequence
from string import Template

from pkn.plotting.report_content import Comparison, ExplainedPixel, Legend, ReportFigure, ReportPage, Section
from pkn.plotting.report_pictures import Picture

text = html.escape


def chooser(number: int) -> str:
    """The slider that chooses one of several pages."""
    return _CHOOSER.substitute(number=number) if number > 1 else ""


def page(number: int, content: ReportPage, pages: int) -> str:
    """All that is said of one page."""
    name = f"Page {number + 1} of {pages}"
    head = f'<h2 class="name">{name}</h2>' if pages > 1 else ""
    parts = [head, _comparisons(content.comparisons), *map(_section, content.sections), _why(content)]
    hidden = " hidden" if number else ""
    label = f' aria-label="{name}"' if pages > 1 else ""
    return f'<div class="page" role="group"{label}{hidden}>\n' + "\n".join(filter(None, parts)) + "\n</div>"


def provenance(facts: Sequence[tuple[str, str]]) -> str:
    """Versions and hashes."""
    return f"<section>\n<h2>Versions and hashes</h2>\n{_table(facts)}\n</section>" if facts else ""


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    items = [
        _COMPARISON.substitute(
            before=_image(each.before, "before"), after=_image(each.after, "after"), text=text(each.text)
        )
        for each in comparisons
    ]
    half = all(each.narrow for each in comparisons)
    return f"<section{_half(half)}>\n<h2>Before and after</h2>\n" + "\n".join(items) + "\n</section>"


def _half(half: bool) -> str:
    return ' class="half"' if half else ""


def _section(section: Section) -> str:
    folded = _grid(section.folded, "grid thumbs")
    parts = [
        f"<h2>{text(section.title)}</h2>",
        f"<p>{text(section.text)}</p>" if section.text else "",
        _grid(section.figures, "grid"),
        _table(section.facts),
        f"<details>\n<summary>{text(section.fold)}</summary>\n{folded}\n</details>" if folded else "",
    ]
    return f"<section{_half(section.half)}>\n" + "\n".join(filter(None, parts)) + "\n</section>"


def _grid(figures: Sequence[ReportFigure], kind: str) -> str:
    return f'<div class="{kind}">\n' + "\n".join(map(_figure, figures)) + "\n</div>" if figures else ""


def _figure(figure: ReportFigure) -> str:
    label = text(f"Show in full size: {figure.title}")
    plot = " plot" if figure.picture.kind == "image/svg+xml" else ""
    button = f'<button type="button" class="picture{plot}" aria-label="{label}">{_image(figure.picture)}</button>'
    legend = "" if figure.legend is None else _legend(figure.legend)
    caption = f"<figcaption>{text(figure.text)}</figcaption>" if figure.text else ""
    return f"<figure><h3>{text(figure.title)}</h3>{button}{legend}{caption}</figure>"


def _legend(legend: Legend) -> str:
    ticks = "".join(f"<span>{text(tick)}</span>" for tick in legend.ticks)
    bar = f'<div class="bar" style="background:linear-gradient(to right,{",".join(legend.colours)})"></div>'
    return f'<div class="legend">{bar}<div class="ticks">{ticks}</div></div>'


def _image(picture: Picture, kind: str = "") -> str:
    if not picture.kind:
        raise ValueError(f"picture of {picture.alt!r} is something else than PNG, JPEG or SVG; expected a file's bytes")
    names = " ".join(filter(None, [kind, "small" if picture.zoom > 1 else ""]))
    size = f'width="{picture.width * picture.zoom}" height="{picture.height * picture.zoom}"'
    of_kind = f' class="{names}"' if names else ""
    image = f'<img src="{_data_uri(picture.kind, picture.content)}" {size} alt="{text(picture.alt)}"{of_kind}>'
    if not picture.dark:
        return image
    dark = _data_uri(picture.kind, picture.dark)
    return f'<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">{image}</picture>'


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _table(facts: Sequence[tuple[str, str]]) -> str:
    rows = []
    for name, value in facts:
        kind = ' class="hash"' if len(value) >= 64 and " " not in value else ""
        rows.append(f'<tr><th scope="row">{text(name)}</th><td{kind}>{text(value)}</td></tr>')
    return "<table>\n" + "\n".join(rows) + "\n</table>" if rows else ""


def _why(content: ReportPage) -> str:
    if not content.pixels:
        return ""
    (height, width), whole = content.size, content.comparisons[0].after
    buttons = [_dot(each, height, width) for each in content.pixels]
    panels = [
        f"<figure hidden>{_image(each.picture)}<figcaption>{text(each.text)}</figcaption></figure>"
        for each in content.pixels
    ]
    size = f'width="{whole.width * whole.zoom}" height="{whole.height * whole.zoom}"'
    return _WHY.substitute(buttons="\n".join(buttons), panels="\n".join(panels), size=size)


def _dot(pixel: ExplainedPixel, height: int, width: int) -> str:
    place = f"left:{100 * (pixel.column + 0.5) / width:.3f}%;top:{100 * (pixel.row + 0.5) / height:.3f}%"
    label = f"row {pixel.row}, column {pixel.column}"
    return f'<button type="button" style="{place}" aria-label="{label}" aria-pressed="false"></button>'


_CHOOSER = Template("""\
<div class="chooser" role="group" aria-label="Page of the stack">
<button type="button" data-step="-1" aria-label="Previous page">‹</button>
<input type="range" min="1" max="$number" step="1" value="1" autocomplete="off" aria-label="Page">
<button type="button" data-step="1" aria-label="Next page">›</button>
<output aria-live="polite">Page 1 of $number</output>
</div>""")

_COMPARISON = Template("""\
<figure class="comparison">
<div class="compare">
$before
$after
<input type="range" min="0" max="100" step="0.5" value="50" autocomplete="off"
 aria-label="Where the picture before ends and the picture after begins, in percent">
<div class="line"></div>
</div>
<div class="labels"><span>before</span><span>after</span></div>
<figcaption>$text</figcaption>
</figure>""")

_WHY = Template("""\
<section class="why">
<h2>Why this pixel</h2>
<p>Orange are the pixels that the marked one was made of, the stronger the heavier; blue ones are taken off.
<span class="screen">Click on the picture, or choose a dot.</span></p>
<div class="pixels"><img alt="after" $size>
$buttons
</div>
<div class="panels" aria-live="polite">
$panels
</div>
</section>""")

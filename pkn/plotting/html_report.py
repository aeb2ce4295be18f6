"""A report on images as one HTML page: before and after, figures with legends, facts.

The page refers to nothing on the network and to no other file. Its style, script and frame lie in ``report_page``.
"""

import os
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from pkn.io.atomic import atomic_path
from pkn.plotting import report_elements as elements
from pkn.plotting.report_content import ReportPage


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    pages: Sequence[ReportPage],
    summary: Sequence[str] = (),
    provenance: Sequence[tuple[str, str]] = (),
) -> None:
    """Write a self-contained HTML page, for screens, light and dark, and for paper.

    Parameters
    ----------
    path : str or path
        The HTML file to make or replace.
    title : str
        Heading of the page.
    pages : sequence of ReportPage
        One or more; of several a slider chooses.
    summary : sequence of str
        Paragraphs on what was done.
    provenance : sequence of (str, str)
        Names and values, for the table at the end.

    Raises
    ------
    ValueError
        If there are no pages, or the pictures of a comparison have different sizes.
    OSError
        If the file can't be written (see :func:`pkn.io.atomic.atomic_path`).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.plotting.html_report import write_report
    >>> from pkn.plotting.report_content import Comparison, ReportPage
    >>> from pkn.plotting.report_pictures import picture_of
    >>> ramp = np.arange(24, dtype=np.uint8).reshape(4, 6)
    >>> before, after = picture_of(ramp, "before", 100), picture_of(ramp // 2, "after", 100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.html"
    ...     write_report(path, title="A ramp", pages=[ReportPage([Comparison(before, after, "")])], summary=["Halved."])
    ...     page = path.read_text(encoding="utf-8")
    >>> "<h1>A ramp</h1>" in page, "<p>Halved.</p>" in page
    (True, True)
    """
    if not pages:
        raise ValueError("pages is empty; expected at least one page")
    for comparison in (each for page in pages for each in page.comparisons):
        before, after = comparison.before, comparison.after
        if (before.width, before.height) != (after.width, after.height):
            came = f"{after.width} x {after.height} px"
            raise ValueError(f"after is {came}; expected {before.width} x {before.height} px as before")
    folder = files("pkn.plotting") / "report_page"
    frame, style, script = (
        (folder / f"report.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js")
    )
    page = Template(frame).substitute(
        title=elements.text(title),
        style=style,
        script=script,
        summary="\n".join(f"<p>{elements.text(each)}</p>" for each in summary),
        chooser=elements.chooser(len(pages)),
        pages="\n".join(elements.page(number, each, len(pages)) for number, each in enumerate(pages)),
        provenance=elements.provenance(provenance),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(
            page, encoding="utf-8", errors="replace"
        )  # file names may hold surrogates, which UTF-8 can't encode

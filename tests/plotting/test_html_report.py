import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from pkn.plotting.html_report import write_report
from pkn.plotting.report_content import Comparison, ExplainedPixel, Legend, ReportFigure, ReportPage, Section
from pkn.plotting.report_pictures import Picture, picture_of, plot_picture

VOID_ELEMENTS = {"meta", "img", "input", "br", "link", "hr", "source"}
HOSTILE = "</title><script>alert(\"x\")</script><img src=x onerror='y'>&amp; $title ${width} $"


class Page(HTMLParser):
    """Collect elements and text, and fail where tags don't match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else None, data))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def texts(self, tag):
        return [data for name, data in self.text if name == tag]


def picture(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def shown(shape=(6, 9), seed=0, alt="a picture"):
    return picture_of(picture(shape, seed), alt, 1000)


def page_of(*sections, pixels=()):
    return ReportPage([Comparison(shown(alt="b"), shown((6, 9, 3), 1, "a"), "alike")], sections, (6, 9), pixels)


def written(tmp_path, *pages, **changes):
    write_report(tmp_path / "a.html", **{"title": "A title", "pages": pages or [page_of()], **changes})
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    return text, Page(text)


def decoded(uri):
    head, data = uri.split(",", 1)
    assert head == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


def everything(word):
    figure = ReportFigure(word, shown((4, 5), alt=word), word, Legend(["#000000", "#ffffff"], [word]))
    section = Section(word, word, [figure], [figure], word, [(word, word)])
    return page_of(section, pixels=[ExplainedPixel(1, 2, word, shown((3, 3), alt=word))])


def test_page_is_whole_and_has_everything(tmp_path):
    figure = ReportFigure("First", shown((4, 5), 2), "seen", Legend(["#000000", "#ffffff"], ["0 px", "9 px"]))
    section = Section("Maps", "In words.", [figure], [], "", [("PSNR", "31.2 dB")])
    text, page = written(
        tmp_path, page_of(section), summary=["One.", "Two."], provenance=[("Größe", "7 x 7"), ("hash", "0" * 64)]
    )
    assert text.startswith("<!DOCTYPE html>")
    for tag in ("html", "head", "body", "title", "h1", "main", "dialog", "script"):
        assert len(page.all(tag)) == 1, tag
    assert page.texts("h1") == page.texts("title") == ["A title"]
    assert page.texts("p") == ["One.", "Two.", "In words."]
    assert page.texts("h2") == ["Before and after", "Maps", "Versions and hashes"]
    assert page.texts("h3") == ["First"]
    assert page.texts("th") == ["PSNR", "Größe", "hash"]
    assert page.texts("td") == ["31.2 dB", "7 x 7", "0" * 64]
    assert page.texts("figcaption") == ["alike", "seen"]
    assert page.texts("span") == ["before", "after", "0 px", "9 px"]


def test_pictures_are_those_given(tmp_path):
    figure = ReportFigure("First", shown((4, 5, 3), 2))
    _, page = written(tmp_path, page_of(Section("s", figures=[figure])))
    sources = [image["src"] for image in page.all("img") if "src" in image]
    for source, expected in zip(sources, (picture((6, 9)), picture((6, 9, 3), 1), picture((4, 5, 3), 2)), strict=True):
        np.testing.assert_array_equal(decoded(source), expected)
    assert [image["alt"] for image in page.all("img")] == ["b", "a", "a picture", ""]
    assert [(image["width"], image["height"]) for image in page.all("img")[:2]] == [("477", "318")] * 2  # enlarged


def test_large_pictures_are_shrunk():
    shrunk = picture_of(np.tile(np.array([[0, 200]], np.uint8), (400, 400)), "stripes", 400)
    kept = picture_of(np.tile(np.array([[0, 200]], np.uint8), (400, 400)), "stripes", 400, means=False)
    for each, value in ((shrunk, 100), (kept, 0)):
        assert (each.width, each.height) == (400, 200)
        assert np.abs(np.array(Image.open(io.BytesIO(each.content)), int) - value).max() <= 2


def test_plots_have_two_looks():
    plot = plot_picture(lambda axes: axes.plot([1, 2]), "a line")
    assert plot.kind == "image/svg+xml"
    assert plot.content != plot.dark
    assert b"#b4b4b4" in plot.dark


def test_sliders_and_pictures_can_be_used_from_the_keyboard(tmp_path):
    _, page = written(tmp_path, everything("a"), everything("b"))
    sliders = page.all("input")
    assert len(sliders) == 3  # one for the pages
    assert all(each["type"] == "range" and each["aria-label"] for each in sliders)
    assert all("tabindex" not in attrs and "disabled" not in attrs for _, attrs in page.elements)
    assert all("onclick" not in attrs for _, attrs in page.elements)
    assert all(image.get("alt") or "src" not in image for image in page.all("img"))


def test_of_several_pages_the_first_is_shown(tmp_path):
    _, page = written(tmp_path, page_of(), page_of(), page_of())
    shown_pages = [attrs for attrs in page.all("div") if attrs.get("class") == "page"]
    assert [attrs["aria-label"] for attrs in shown_pages] == ["Page 1 of 3", "Page 2 of 3", "Page 3 of 3"]
    assert ["hidden" in attrs for attrs in shown_pages] == [False, True, True]
    assert page.texts("output") == ["Page 1 of 3"]
    assert written(tmp_path)[1].all("output") == []


def test_nothing_outside_the_page_is_named(tmp_path):
    plot = ReportFigure("plot", plot_picture(lambda axes: axes.plot([1, 2]), "a line"))
    text, page = written(tmp_path, everything("a"), page_of(Section("s", figures=[plot])))
    for word in ("http://", "https://", "url(", "@import"):
        assert word not in text
    assert page.all("link") == []
    for _, attrs in page.elements:
        assert "href" not in attrs
        assert attrs.get("src", "data:").startswith("data:")
        assert attrs.get("srcset", "data:").startswith("data:")
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_hostile_text_stays_text(tmp_path):
    _, harmless = written(tmp_path, everything("w"), title="w", summary=["w"], provenance=[("w", "w")])
    hostile = {"title": HOSTILE, "summary": [HOSTILE], "provenance": [(HOSTILE, HOSTILE)]}
    _, page = written(tmp_path, everything(HOSTILE), **hostile)
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    for tag in ("title", "h1", "h3", "th", "td", "summary"):
        assert set(page.texts(tag)) == {HOSTILE}, tag
    assert {HOSTILE} <= {image.get("alt") for image in page.all("img")}


def test_odd_file_names_can_be_shown(tmp_path):
    _, page = written(tmp_path, title="caf\udce9.png")
    assert page.texts("h1") == ["caf?.png"]


def test_what_there_is_none_of_leaves_no_trace(tmp_path):
    text, page = written(tmp_path)
    assert page.all("table") == page.all("details") == page.all("p") == []
    assert len(page.all("figure")) == 1
    assert "<h2>Why this pixel" not in text


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ([], "pages is empty; expected at least one page"),
        (
            [ReportPage([Comparison(shown((6, 9)), shown((9, 6)), "")])],
            "after is 6 x 9 px; expected 9 x 6 px as before",
        ),
        (
            [page_of(Section("s", figures=[ReportFigure("t", Picture(b"GIF89a", "c", 1, 1))]))],
            "picture of 'c' is something else than PNG, JPEG or SVG",
        ),
    ],
)
def test_bad_input_writes_nothing(tmp_path, pages, message):
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path / "a.html", title="", pages=pages)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder '.*none' does not exist"):
        write_report(tmp_path / "none" / "a.html", title="", pages=[page_of()])


def test_pixels_are_explained_beside_buttons_at_their_places(tmp_path):
    weights = shown((3, 3, 3))
    pixels = [ExplainedPixel(1, 2, "one\n<b>", weights), ExplainedPixel(5, 8, HOSTILE, weights)]
    _, page = written(tmp_path, page_of(pixels=pixels))
    buttons = [attrs for attrs in page.all("button") if "aria-pressed" in attrs]
    assert [attrs["style"] for attrs in buttons] == ["left:27.778%;top:25.000%", "left:94.444%;top:91.667%"]
    assert [attrs["aria-label"] for attrs in buttons] == ["row 1, column 2", "row 5, column 8"]
    assert page.texts("figcaption") == ["alike", "one\n<b>", HOSTILE]
    assert sum("hidden" in attrs for attrs in page.all("figure")) == 2  # until one is chosen

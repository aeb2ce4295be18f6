import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from pkn.io.images import encode_png
from pkn.plotting.html_report import ExplainedPixel, write_report

VOID_ELEMENTS = {"meta", "img", "input", "br", "link", "hr"}
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


def written(tmp_path, **changes):
    options = {
        "title": "A title",
        "before": picture((6, 9)),
        "after": picture((6, 9, 3), 1),
        "figures": (),
        "facts": (),
    }
    write_report(tmp_path / "a.html", **{**options, **changes})
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    return text, Page(text)


def decoded(uri):
    head, data = uri.split(",", 1)
    assert head == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


def test_page_is_whole_and_has_everything(tmp_path):
    figure = picture((4, 5, 3), 2)
    text, page = written(
        tmp_path, figures=[("First", encode_png(figure))], facts=[("PSNR", "31.2 dB"), ("Größe", "7 x 7")]
    )
    assert text.startswith("<!DOCTYPE html>")
    for tag in ("html", "head", "body", "title", "h1", "table", "dialog", "script"):
        assert len(page.all(tag)) == 1, tag
    assert page.texts("h1") == page.texts("title") == ["A title"]
    assert page.texts("th") == ["PSNR", "Größe"]
    assert page.texts("td") == ["31.2 dB", "7 x 7"]
    assert page.texts("figcaption") == ["First"]
    assert page.texts("span") == ["before", "after"]


def test_pictures_are_those_given(tmp_path):
    before, after, figure = picture((6, 9)), picture((6, 9, 3), 1), picture((4, 5, 3), 2)
    _, page = written(tmp_path, before=before, after=after, figures=[("First", encode_png(figure))])
    sources = [image["src"] for image in page.all("img") if "src" in image]
    assert len(sources) == 3
    for source, expected in zip(sources, (before, after, figure), strict=True):
        np.testing.assert_array_equal(decoded(source), expected)
    assert [(image["width"], image["height"]) for image in page.all("img")[:2]] == [("9", "6")] * 2


def test_slider_can_be_used_from_the_keyboard(tmp_path):
    _, page = written(tmp_path)
    (slider,) = page.all("input")
    assert slider["type"] == "range"
    assert slider["aria-label"]
    assert "tabindex" not in slider
    assert "disabled" not in slider


def test_nothing_outside_the_page_is_named(tmp_path):
    text, page = written(tmp_path, figures=[("First", encode_png(picture((3, 3))))])
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert page.all("link") == []
    for _, attrs in page.elements:
        assert "href" not in attrs
        assert attrs.get("src", "data:").startswith("data:")
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_hostile_text_stays_text(tmp_path):
    plain, harmless = written(tmp_path, figures=[("c", encode_png(picture((3, 3))))], facts=[("n", "v")])
    _, page = written(
        tmp_path, title=HOSTILE, figures=[(HOSTILE, encode_png(picture((3, 3))))], facts=[(HOSTILE, HOSTILE)]
    )
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    for tag in ("title", "h1", "th", "td", "figcaption"):
        assert "".join(page.texts(tag)) == HOSTILE, tag
    assert [image.get("alt") for image in page.all("img")] == ["before", "after", HOSTILE, ""]
    assert not re.search(r"\$\w|\$\{", plain)  # the template is filled in


def test_odd_file_names_can_be_shown(tmp_path):
    _, page = written(tmp_path, title="caf\udce9.png")
    assert page.texts("h1") == ["caf?.png"]


def test_without_facts_and_figures_there_is_no_table_and_no_grid(tmp_path):
    _, page = written(tmp_path)
    assert page.all("table") == []
    assert page.all("figure") == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"title": 3}, TypeError, "title is int; expected text"),
        ({"before": [[1]]}, TypeError, "before is list; expected a NumPy array"),
        ({"before": np.zeros((6, 9))}, ValueError, r"before is float64 \(6, 9\); expected uint8"),
        ({"after": picture((6, 9, 4))}, ValueError, r"after is uint8 \(6, 9, 4\); expected uint8"),
        ({"after": picture((0, 9))}, ValueError, "not empty"),
        ({"after": picture((9, 6))}, ValueError, r"after has shape \(9, 6\); expected \(6, 9\) as before"),
        (
            {"figures": [("c", b"GIF89a")]},
            ValueError,
            "figures is something else than a PNG file for 'c'",
        ),
        ({"figures": [(1, b"")]}, TypeError, "figures is int; expected text"),
        ({"facts": [("n", 1.0)]}, TypeError, "facts is float; expected text"),
    ],
)
def test_bad_input_writes_nothing(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        written(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder '.*none' does not exist"):
        write_report(tmp_path / "none" / "a.html", title="", before=picture((2, 2)), after=picture((2, 2)))


def test_pixels_are_explained_beside_buttons_at_their_places(tmp_path):
    png = encode_png(picture((3, 3, 3)))
    pixels = [ExplainedPixel(1, 2, "one\n<b>", png), ExplainedPixel(5, 8, HOSTILE, png)]
    _, page = written(tmp_path, pixels=pixels)
    buttons = [attrs for attrs in page.all("button") if "aria-pressed" in attrs]
    assert [attrs["style"] for attrs in buttons] == ["left:27.778%;top:25.000%", "left:94.444%;top:91.667%"]
    assert [attrs["aria-label"] for attrs in buttons] == ["row 1, column 2", "row 5, column 8"]
    assert page.texts("figcaption") == ["one\n<b>", HOSTILE]
    assert sum("hidden" in attrs for attrs in page.all("figure")) == 2  # until one is chosen
    assert "Why this pixel" not in written(tmp_path)[0]


def test_folded_figures(tmp_path):
    _, page = written(tmp_path, folded=[("a map", encode_png(picture((3, 3))))])
    assert page.texts("summary") == ["The network's own 1 maps"]
    assert page.texts("figcaption") == ["a map"]
    with pytest.raises(ValueError, match="folded is something else than a PNG file for 'a map'"):
        written(tmp_path, folded=[("a map", b"GIF")])

"""The page in a real browser, headless; skipped where there is none."""

import math
import time
import zipfile
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from browser import chromium, needs_browser
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from viewing import noisy, serving, write

import pkn
from pkn.io.images import read_image

pytestmark = needs_browser
RGB, GREY = noisy(200, 280, 3), noisy(90, 120, 1)
GREY_FACTS = "120 × 90 px, grey"
LONGEST = 60.0  # seconds, for machines are busy; kernels are compiled in this time


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def page(tmp_path_factory, downloads):
    folder = tmp_path_factory.mktemp("images")
    paths = write(folder / "rgb.png", RGB), write(folder / "grey.png", GREY)
    with serving(*paths) as guard, chromium(1300, 900, downloads) as driver:
        driver.get(guard.address)
        yield Page(driver)


@pytest.fixture
def rgb(page):
    return page.opened("rgb.png", "280 × 200 px, RGB")


@pytest.fixture
def grey(page):
    return page.opened("grey.png", GREY_FACTS)


class Page:
    """The page, by what a user does."""

    def __init__(self, driver):
        self.driver, self.touching = driver, False

    def __getitem__(self, name):
        return self.driver.find_element(By.ID, name)

    def wait(self, until):
        end = time.monotonic() + LONGEST
        while not until():
            assert time.monotonic() < end, (self["status"].text, self["error"].text, self.driver.get_log("browser"))
            time.sleep(0.02)

    def ready(self):
        time.sleep(0.15)  # a slider's move is waited for
        self.wait(lambda: self["stage"].get_attribute("data-state") == "ready")

    def opened(self, name, facts):
        """With this file shown, whichever a test before (there may be none: workers take each other's) left open."""
        self.wait(lambda: name in self["file"].text)  # the page is loaded
        Select(self["file"]).select_by_visible_text(name)
        self.wait(lambda: facts in self["facts"].text)
        self.ready()
        return self

    def slide(self, name, value):
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
        self.driver.execute_script(script, self[name], value)

    def pixels(self):
        """What the canvas shows, (H, W, 3)."""
        self.driver.execute_script(
            "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        picture = self.driver.execute_script("return document.getElementById('canvas').toDataURL()")
        return np.asarray(Image.open(BytesIO(b64decode(picture.split(",")[1]))).convert("RGB"))

    def keys(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def explained(self):
        self.wait(lambda: "Certificate" in self["pixel"].text or self["error"].text)
        return self["pixel"].text


def shown(canvas, size):
    """Where an image in full size is on a canvas."""
    top, left = (math.floor(side / 2 - half / 2 + 0.5) for side, half in zip(canvas.shape[:2], size, strict=True))
    return slice(top, top + size[0]), slice(left, left + size[1])


def test_before_and_after_are_shown_beside_a_line(rgb):
    page = rgb
    assert "token" not in page.driver.current_url
    clean = pkn.denoise(RGB, channel_axis=-1, dtype="same")
    canvas = page.pixels()
    part, line = shown(canvas, RGB.shape[:2]), canvas.shape[1] // 2 - shown(canvas, RGB.shape[:2])[1].start
    np.testing.assert_array_equal(canvas[part][:, : line - 12], RGB[:, : line - 12])
    np.testing.assert_array_equal(canvas[part][:, line + 12 :], clean[:, line + 12 :])
    page.slide("divider", 0)
    np.testing.assert_array_equal(page.pixels()[part], clean)
    page.slide("divider", 100)
    np.testing.assert_array_equal(page.pixels()[part], RGB)
    page["divider"].send_keys(Keys.HOME)  # and by keys
    assert page["divider"].get_attribute("value") == "0"


def test_strengths_are_live(rgb):
    page = rgb
    page.slide("divider", 0)
    page.slide("chroma", 0.3)
    page.slide("luma", 2)
    page.ready()
    canvas = page.pixels()
    clean = pkn.denoise(RGB, strength=(2, 0.3), channel_axis=-1, dtype="same")
    np.testing.assert_array_equal(canvas[shown(canvas, RGB.shape[:2])], clean)
    assert page["luma-value"].text == "2.00"
    for name in ("luma", "chroma"):
        page.slide(name, 1)
    page.ready()


def taken(page, downloads, kind, name):
    button = page.driver.find_element(By.CSS_SELECTOR, f"[data-kind={kind}]")
    page.wait(button.is_enabled)
    page.driver.execute_script("arguments[0].click()", button)
    page.wait(lambda: (downloads / name).is_file() or page["error"].text)
    assert page["error"].text == ""
    return downloads / name


def test_results_are_downloads(rgb, downloads):
    image = taken(rgb, downloads, "image", "rgb-clean.png")
    np.testing.assert_array_equal(read_image(image).pages[0], pkn.denoise(RGB, channel_axis=-1, dtype="same"))


def test_another_image_is_opened(rgb):
    page = rgb.opened("grey.png", GREY_FACTS)
    assert not page["chroma"].is_displayed()
    page.slide("divider", 0)
    canvas = page.pixels()
    clean = pkn.denoise(GREY, dtype="same")
    np.testing.assert_array_equal(canvas[shown(canvas, GREY.shape)][..., 0], clean)


def test_maps_are_laid_over_with_a_legend(grey):
    page = grey
    page.wait(lambda: len(Select(page["map"]).options) == 5)
    before = page.pixels()
    Select(page["map"]).select_by_value("pixels")
    page.ready()
    assert "how many are averaged" in page["legend"].text
    assert page["legend-ticks"].text.split() == ["1", "23.6", "559"]
    page.slide("opacity", 0)
    np.testing.assert_array_equal(page.pixels(), before)
    page.slide("opacity", 1)
    part = shown(before, GREY.shape)
    assert np.ptp(page.pixels()[part].astype(int), axis=-1).max() == 0  # greys
    Select(page["map"]).select_by_value("")
    page.ready()
    assert not page["legend"].is_displayed()


def test_a_click_explains_a_pixel(grey):
    page = grey
    ActionChains(page.driver).move_to_element_with_offset(page["canvas"], 20, -10).click().perform()
    text = page.explained()
    assert page["error"].text == ""
    box = page["canvas"].size
    part = shown(np.empty((box["height"], box["width"])), GREY.shape)
    row, column = (int(word.strip(",")) for word in text.split()[1:4:2])
    assert abs(row - (box["height"] / 2 - 10 - part[0].start)) <= 2
    assert abs(column - (box["width"] / 2 + 20 - part[1].start)) <= 2
    for words in (f"before {GREY[row, column]}", "about", "level 0", "decides", "deviation", "90 %, from", ": holds"):
        assert words in text
    assert len(page["pixel"].find_elements(By.CSS_SELECTOR, "canvas[role=img][aria-label*='largest weight']")) == 1


def test_keys_do_all_that_a_pointer_does(grey):
    page = grey
    page.driver.execute_script("arguments[0].focus()", page["canvas"])
    before = page["pixel"].text.splitlines()[0]
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ENTER)
    page.wait(lambda: page["pixel"].text.splitlines()[0] != before)
    page.wait(lambda: "level 0" in page["pixel"].text)
    page.keys("+")
    assert page["zoom"].text == "200 %"
    page.keys("0")
    assert page["zoom"].text == "100 %"
    page.ready()


def touch(page, *fingers):
    """Put fingers, at CSS px from the canvas's middle, on the screen; none lifts them."""
    box = page["canvas"].rect
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    points = [{"x": x + right, "y": y + down, "id": number} for number, (right, down) in enumerate(fingers)]
    kind = "touchEnd" if not points else "touchMove" if page.touching else "touchStart"
    page.touching = bool(points)
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_two_fingers_zoom_and_move(grey):
    page = grey
    page.wait(lambda: "computing" not in page["pixel"].text)  # of a pixel that a test before has picked
    picked = page["pixel"].text
    page.driver.execute_script("arguments[0].scrollIntoView()", page["canvas"])
    page.slide("divider", 100)
    touch(page, (-30, 0), (30, 0))
    touch(page, (-60, 0), (60, 0))
    page.wait(lambda: page["zoom"].text == "200 %")  # moves are told with the next picture
    large = page.pixels()
    part = shown(large, (2 * GREY.shape[0], 2 * GREY.shape[1]))
    left = np.s_[:, :40]  # what no test before has laid a kernel over
    np.testing.assert_array_equal(large[part][..., 0][left], GREY.repeat(2, 0).repeat(2, 1)[left])
    touch(page, (-60, 0), (120, 0))  # any factor, not powers of two alone
    page.wait(lambda: page["zoom"].text == "300 %")
    touch(page)
    page.driver.execute_script("arguments[0].focus()", page["canvas"])
    page.keys("-")
    page.wait(lambda: page["zoom"].text == "200 %")
    assert page["pixel"].text == picked  # none of it was a click
    page.keys("0")
    page.slide("divider", 50)
    page.ready()


def test_every_control_has_a_name(page):
    script = """return [...document.querySelectorAll("button, input, select, canvas, progress, meter, output")]
      .filter((each) => each.offsetParent && !each.labels?.length && !each.getAttribute("aria-label")
        && !each.textContent.trim()).map((each) => each.outerHTML)"""
    assert page.driver.execute_script(script) == []
    assert page.driver.execute_script("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_nothing_is_cut_off_at_any_width(page, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.ready()
    root = page.driver.execute_script("const r = document.documentElement; return [r.scrollWidth, r.clientWidth]")
    assert root[0] <= root[1]
    assert page["canvas"].size["width"] > 0.5 * min(width, 900) - 60
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_screenshots_are_pictures(page, tmp_path):
    page.driver.save_screenshot(str(tmp_path / "page.png"))
    assert np.ptp(np.asarray(Image.open(tmp_path / "page.png").convert("L"))) > 200


def test_receipts_are_downloads(grey, downloads):
    archive = zipfile.ZipFile(taken(grey, downloads, "receipt", "grey-receipt.zip"))
    assert sorted(archive.namelist()) == ["grey-clean.json", "grey-clean.maps.npz", "grey-clean.png"]


def test_nothing_was_refused_and_nothing_failed(page):
    assert [each for each in page.driver.get_log("browser") if each["level"] == "SEVERE"] == []

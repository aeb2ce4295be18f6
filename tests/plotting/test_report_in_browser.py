"""The report in a real browser, headless; skipped where there is none."""

import numpy as np
import pytest
from browser import chromium, needs_browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from pkn.plotting.html_report import write_report
from pkn.plotting.report_content import Comparison, ExplainedPixel, Legend, ReportFigure, ReportPage, Section
from pkn.plotting.report_pictures import picture_of

pytestmark = needs_browser
FOLDED = "return document.querySelector('details figure').checkVisibility()"


def page(grey):
    picture = picture_of(np.full((200, 300), grey, np.uint8), f"grey {grey}", 600)
    dot = picture_of(np.zeros((3, 3), np.uint8), "dot", 3)
    pixels = [ExplainedPixel(row, column, f"{row}, {column}", dot) for row in (50, 150) for column in (75, 225)]
    figure = ReportFigure("Radius", picture, "how far", Legend(["#000000", "#ffffff"], ["0 px", "9 px"]))
    section = Section("Maps", "In words.", [figure] * 2, [figure] * 17, "More", [("hash", "0" * 64)])
    return ReportPage([Comparison(picture, picture, "alike")], [section], (200, 300), pixels)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(folder / "report.html", title="A stack", pages=[page(60), page(120), page(180)], summary=["Done."])
    with chromium(1000, 900, folder) as driver:
        driver.get((folder / "report.html").as_uri())
        yield driver


def visible(driver, selector):
    return [each for each in driver.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()]


def test_a_click_explains_the_nearest_pixel(driver):
    def shown():
        return [figure.text for figure in visible(driver, ".panels figure")]

    assert shown() == ["50, 75"]
    (area,) = visible(driver, ".pixels")
    ActionChains(driver).scroll_to_element(area).move_to_element_with_offset(area, 60, 30).click().perform()
    assert shown() == ["150, 225"]
    visible(driver, "button[aria-label='row 50, column 225']")[0].click()
    assert shown() == ["50, 225"]
    assert [entry["message"] for entry in driver.get_log("browser")] == []


def test_the_slider_goes_through_the_pages_by_key_and_by_button(driver):
    def shown():
        alts = [image.get_attribute("alt") for image in visible(driver, ".before")]
        return alts, driver.find_element(By.CSS_SELECTOR, ".chooser output").text

    slider = driver.find_element(By.CSS_SELECTOR, ".chooser input")
    assert shown() == (["grey 60"], "Page 1 of 3")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert shown() == (["grey 120"], "Page 2 of 3")
    assert slider.get_attribute("aria-valuetext") == "Page 2 of 3"
    following = driver.find_element(By.CSS_SELECTOR, "button[aria-label='Next page']")
    following.click()
    following.click()  # there is no fourth
    assert shown() == (["grey 180"], "Page 3 of 3")
    slider.send_keys(Keys.HOME)
    assert shown() == (["grey 60"], "Page 1 of 3")


@pytest.mark.parametrize("width", [390, 900, 1400])
def test_no_width_needs_scrolling_aside(driver, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_is_light_and_dark(driver):
    colours = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colours[scheme] = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(35, 35, 35)"}


def test_paper_has_all_pages_and_what_is_folded(driver):
    assert driver.execute_script(FOLDED) is False
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    try:
        assert len(visible(driver, ".page")) == 3
        assert driver.execute_script(FOLDED) is True
        before, after = (visible(driver, f".{kind}")[0].rect for kind in ("before", "after"))
        assert before["x"] + before["width"] <= after["x"]  # side by side
        assert before["y"] == after["y"]
        assert visible(driver, ".chooser") == visible(driver, "input") == []
        assert driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})

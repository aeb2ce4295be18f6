"""The report in a real browser, headless; skipped where there is none."""

import numpy as np
from browser import chromium, needs_browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from pkn.io.png import encode_png
from pkn.plotting.html_report import ExplainedPixel, write_report

pytestmark = needs_browser


def test_a_click_explains_the_nearest_pixel(tmp_path):
    picture, dot = np.full((200, 300), 128, np.uint8), encode_png(np.zeros((3, 3), np.uint8))
    pixels = [ExplainedPixel(row, column, f"{row}, {column}", dot) for row in (50, 150) for column in (75, 225)]
    write_report(tmp_path / "report.html", title="A click", before=picture, after=picture, pixels=pixels)
    with chromium(1000, 900, tmp_path) as driver:
        driver.get((tmp_path / "report.html").as_uri())

        def shown():
            return [figure.text for figure in driver.find_elements(By.CSS_SELECTOR, ".panels figure") if figure.text]

        assert shown() == ["50, 75"]
        area = driver.find_element(By.CSS_SELECTOR, ".pixels")
        ActionChains(driver).move_to_element_with_offset(area, 60, 30).click().perform()  # from the middle
        assert shown() == ["150, 225"]
        driver.find_element(By.CSS_SELECTOR, "button[aria-label='row 50, column 225']").click()
        assert shown() == ["50, 225"]
        assert [entry["message"] for entry in driver.get_log("browser")] == []

"""The report in a real Chromium: it loads without a complaint, plays, sorts, and can be used with a
keyboard and on a phone.
"""

import os
from pathlib import Path

import chromium
import made_results
import pytest

from dcase_denoise_plugin.figures.results_folders import arms_of_checkout
from dcase_denoise_plugin.report.page import write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    results = made_results.write_whole_checkout(tmp_path_factory.mktemp("checkout"))
    return write_report(*arms_of_checkout(results, "baseline"), results / "report.html", "Test")[0]


@pytest.fixture(scope="module")
def driver():
    driver = chromium.start()
    yield driver
    driver.quit()


def wait_until(driver, condition, *arguments):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, 10).until(
        lambda driver: driver.execute_script(f"return {condition}", *arguments)
    )


@pytest.mark.parametrize("size", [chromium.LAPTOP, chromium.PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_loads_without_a_complaint_and_never_scrolls_sideways(
    driver, page, size, scheme, tmp_path
):
    chromium.show(driver, page, size, scheme)
    driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert driver.get_log("browser") == []
    assert driver.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [
        size[0],
        size[0],
    ]
    paper = driver.execute_script(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (sum(paper) > 600) == (scheme == "light")
    assert (
        driver.execute_script(
            "return performance.getEntriesByType('resource').filter(one =>"
            " !one.name.startsWith('data:')).length"
        )
        == 0
    )
    # For whoever wants to look: DCASE_REPORT_SCREENSHOTS names a folder.
    folder = Path(os.environ.get("DCASE_REPORT_SCREENSHOTS", tmp_path))
    assert driver.save_screenshot(str(folder / f"report_{size[0]}_{scheme}.png"))


def test_every_picture_and_every_sound_is_one(driver, page):
    chromium.show(driver, page)
    assert (
        driver.execute_script(
            "return [...document.images].filter(one => one.complete && one.naturalWidth > 9).length"
        )
        == len(driver.find_elements("css selector", "img"))
        > 10
    )
    durations = driver.execute_async_script("""
        const done = arguments[0], sounds = [...document.querySelectorAll("audio")];
        Promise.all(sounds.map(sound => new Promise(resolve => {
            sound.addEventListener("loadedmetadata", () => resolve(sound.duration));
            sound.addEventListener("error", () => resolve(-1));
            sound.preload = "metadata"; sound.load();
        }))).then(done);""")
    # MP3 comes in whole frames, so that a sound may be a little longer than its clip.
    assert len(durations) >= 18 and all(1.45 < duration < 1.7 for duration in durations)


def test_a_sound_plays_and_another_takes_over_at_the_same_place(driver, page):
    chromium.show(driver, page)
    noisy, denoised = driver.find_elements("css selector", ".clip:first-of-type .player button")[:2]
    noisy.click()
    wait_until(driver, "document.querySelectorAll('audio')[0].currentTime > 0.3")
    assert noisy.get_attribute("aria-pressed") == "true"
    denoised.click()
    wait_until(driver, "!document.querySelectorAll('audio')[1].paused")
    assert driver.execute_script(
        "return document.querySelectorAll('audio')[0].paused &&"
        " document.querySelectorAll('audio')[1].currentTime > 0.25"
    )
    assert [button.get_attribute("aria-pressed") for button in (noisy, denoised)] == [
        "false",
        "true",
    ]
    wait_until(driver, "document.querySelectorAll('audio')[1].ended")
    assert denoised.get_attribute("aria-pressed") == "false"


def test_a_click_into_a_picture_moves_the_place(driver, page):
    chromium.show(driver, page)
    driver.find_element("css selector", ".picture").click()
    assert float(
        driver.find_element("css selector", ".player input").get_attribute("value")
    ) == pytest.approx(0.5, abs=0.02)


def column(driver, table, index):
    return driver.execute_script(
        f"return [...document.querySelector('#table-{table}').tBodies[0].rows].map(row =>"
        f" row.cells[{index}].dataset.value)"
    )


def test_a_heading_sorts_both_ways_and_says_so(driver, page):
    chromium.show(driver, page)
    before = [row.text for row in driver.find_elements("css selector", "#table-mse .totals tr")]
    heading = driver.find_elements("css selector", "#table-mse thead th")[4]
    button = heading.find_element("css selector", "button")
    for direction, sign in (("ascending", 1), ("descending", -1)):
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        values = [float(value) for value in column(driver, "mse", 4)]
        assert heading.get_attribute("aria-sort") == direction and values == sorted(
            values, key=lambda value: sign * value
        )
    driver.find_element("css selector", "#table-mse thead button").click()
    assert heading.get_attribute("aria-sort") == "none" and column(driver, "mse", 0) == sorted(
        column(driver, "mse", 0)
    )
    assert [
        row.text for row in driver.find_elements("css selector", "#table-mse .totals tr")
    ] == before, "totals stay below"


def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(driver, page):
    from selenium.webdriver.common.keys import Keys

    chromium.show(driver, page)
    body = driver.find_element("css selector", "body")
    body.send_keys(Keys.TAB)
    assert driver.switch_to.active_element.text == "Skip to the results"
    reached, outlines = [], set()
    for _ in range(60):
        element = driver.switch_to.active_element
        reached.append(element.get_attribute("id") or element.accessible_name or element.tag_name)
        outlines.add(
            driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        )
        element.send_keys(Keys.TAB)
    assert outlines == {"solid"}
    assert {"theme", "Results", "Provenance", "MSE: AUCs", "Difference"} <= set(reached)
    button = driver.find_elements("css selector", "#table-mse thead button")[2]
    button.send_keys(Keys.ENTER)
    assert (
        driver.find_elements("css selector", "#table-mse thead th")[2].get_attribute("aria-sort")
        == "ascending"
    )
    play = driver.find_element("css selector", ".player button")
    play.send_keys(Keys.SPACE)
    wait_until(driver, "!document.querySelector('audio').paused")
    slider = driver.find_element("css selector", ".player input")
    slider.send_keys(Keys.END)
    wait_until(
        driver,
        "document.querySelector('audio').currentTime > 1.2 ||"
        " document.querySelector('audio').ended",
    )


def test_the_readers_choice_of_light_or_dark_wins_and_stays(driver, page):
    chromium.show(driver, page, scheme="light")
    driver.find_element("id", "theme").click()
    assert (
        driver.execute_script("return getComputedStyle(document.documentElement).colorScheme")
        == "dark"
    )
    chromium.show(driver, page, scheme="light")
    assert (
        driver.execute_script("return getComputedStyle(document.documentElement).colorScheme")
        == "dark"
    )
    driver.find_element("id", "theme").click()
    assert (
        driver.execute_script("return getComputedStyle(document.documentElement).colorScheme")
        == "light"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_dark_enough_on_its_ground(driver, page, scheme):
    chromium.show(driver, page, scheme=scheme)
    colours = driver.execute_script(
        """
        const style = getComputedStyle(document.documentElement);
        const paint = document.createElement("canvas").getContext("2d");
        const rgb = name => {
            paint.fillStyle = style.getPropertyValue(name);
            paint.fillRect(0, 0, 1, 1);
            return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
        };
        const names = ["paper", "raised", "ink", "ink-soft", "first", "second", "gain", "loss"];
        return Object.fromEntries(names.map(name => [`--${name}`, rgb(`--${name}`)]));"""
    )

    def luminance(rgb):
        linear = [
            share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4
            for share in (value / 255 for value in rgb)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for ground in ("--paper", "--raised"):
        for text in (
            "--ink",
            "--ink-soft",
            "--second",
            "--gain",
            "--loss",
            *(["--first"] if ground == "--paper" else []),
        ):
            light, dark = sorted(
                (luminance(colours[ground]), luminance(colours[text])), reverse=True
            )
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, text)

"""The reading view, in text and in a real browser."""

import html
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from labels.articles import Article, read_articles
from models import TaggedArticle, Tagger
from models.formats.page import form_page, to_html
from tests.conftest import CHROMIUM, HEADLESS, ROOT

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page is not opened in a browser")


@pytest.fixture(scope="module")
def tagged(artifact: Path) -> list[TaggedArticle]:
    hostile = Article(
        "x", 'Bridge <script>alert(1)</script> closed\nThe "mayor" said: <img src=x onerror=alert(2)> & left.', "<b>T</b>"
    )
    return Tagger.load(artifact).tag_all([*read_articles([str(ROOT / "labels/samples")]), hostile])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=HEADLESS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tagged: list[TaggedArticle], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(to_html(tagged), encoding="utf-8")
    return path.as_uri()


def open_page(browser: Any, address: str, **options: Any) -> tuple[Any, list[str]]:
    """Return the page and what its console says."""
    page, said = browser.new_page(**options), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    return page, said


def test_the_page_holds_every_sentence_and_nothing_from_outside(tagged: list[TaggedArticle]):
    page = to_html(tagged)
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())
    for article in tagged:
        for sentence, _ in article.sentences:
            assert " ".join(sentence.text.split()) in text
    assert not re.search(r"<(img|link|iframe|object|form)\b|\bsrc=|https?://", re.sub(r">[^<]*<", "><", page))
    for label in tagged[0].scheme.labels:
        assert label.definition in text


def test_its_policy_lets_only_its_own_style_and_script_run(tagged: list[TaggedArticle]):
    page = to_html(tagged)
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0])
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        [content] = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert f"{kind}-src 'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'" in policy


def test_labels_are_told_apart_without_colour(tagged: list[TaggedArticle]):
    styles = re.findall(r"\.l\d > \.words[^{]*\{ text-decoration-style: (\w+)", to_html(tagged))
    assert len(styles) == len(set(styles)) == len(tagged[0].scheme.labels)


@in_browser
def test_a_browser_shows_it_without_complaint(browser: Any, address: str, tagged: list[TaggedArticle]):
    page, said = open_page(browser, address)
    assert page.locator("article").count() == page.locator("tbody tr").count() == len(tagged)
    assert page.locator("article script, article img").count() == 0
    assert said == []


@in_browser
@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_a_phone_and_breaks_no_rule_of_accessibility(
    browser: Any, tagged: list[TaggedArticle], tmp_path: Path, width: int, shade: str
):
    from axe_playwright_python.sync_playwright import Axe

    pages = {
        "many": to_html(tagged),
        "one": to_html(tagged[:1]),
        "form": form_page(tagged[0].scheme, allow_fetch=True, fault="No."),
    }
    for name, content in pages.items():
        path = tmp_path / f"{name}.html"
        path.write_text(content, encoding="utf-8")
        page, said = open_page(browser, path.as_uri(), viewport={"width": width, "height": 800}, color_scheme=shade)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").count() == 1
        found = Axe().run(page)
        assert found.violations_count == 0, (name, found.generate_report())
        assert said == []
        page.close()


@in_browser
@pytest.mark.parametrize("scripts", [True, False])
def test_a_label_fades_or_gives_way_to_a_sign_of_omission(browser: Any, address: str, scripts: bool):
    page, _ = open_page(browser, address, java_script_enabled=scripts)
    sentence = page.locator("article .l1.s").first
    words, sign = sentence.locator(".words"), sentence.locator(".omitted")
    assert words.is_visible()
    assert not sign.is_visible()
    page.uncheck("#show1")
    assert words.is_visible()
    assert float(words.evaluate("node => getComputedStyle(node).opacity")) < 0.5
    page.check("#hide")
    assert not words.is_visible()
    assert sign.is_visible()
    page.check("#show1")
    assert words.is_visible()


@in_browser
def test_one_press_leaves_only_the_reporting(browser: Any, address: str):
    page, _ = open_page(browser, address)
    page.click("#only")
    assert [box.is_checked() for box in page.locator(".key [data-label]").all()] == [True, False, False, False, False]
    page.click("#only")
    assert all(box.is_checked() for box in page.locator(".key [data-label]").all())


@in_browser
def test_the_keyboard_reaches_sentences_and_says_what_they_are(browser: Any, address: str):
    page, _ = open_page(browser, address)
    first = page.locator("article .s").first
    page.locator("article .next a").first.focus()
    page.keyboard.press("Tab")
    assert first.evaluate("node => node === document.activeElement")
    shown = first.evaluate("node => getComputedStyle(node, '::before').content")
    assert shown.strip('"') == first.get_attribute("data-why")
    assert re.search(r"\d%,? .*\d%$", shown.strip('"'))
    page.keyboard.press("Escape")
    assert not first.evaluate("node => node === document.activeElement")


@in_browser
def test_the_index_sorts_by_a_label(browser: Any, address: str):
    page, said = open_page(browser, address)
    head = page.locator("th.share").first
    for order, expected in (("descending", True), ("ascending", False), ("descending", True)):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == order
        values = [float(cell.get_attribute("data-value")) for cell in page.locator("tbody td.l0").all()]
        assert values == sorted(values, reverse=expected)
        assert len(set(values)) > 2
    assert said == []

"""The HTML page, in text and in a real browser."""

import html
import re
import subprocess
from pathlib import Path

import pytest

from labels.articles import Article, read_articles
from models import TaggedArticle, Tagger
from models.formats import to_html
from tests.conftest import CHROMIUM, HEADLESS, ROOT


@pytest.fixture(scope="module")
def tagged(artefact: Path) -> list[TaggedArticle]:
    hostile = Article(
        "x", 'Bridge <script>alert(1)</script> closed\nThe "mayor" said: <img src=x onerror=alert(2)> & left.', "<b>T</b>"
    )
    return Tagger.load(artefact).tag_all([*read_articles([str(ROOT / "labels/samples")]), hostile])


def test_the_page_holds_every_sentence_and_nothing_from_outside(tagged: list[TaggedArticle]):
    page = to_html(tagged)
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())
    for article in tagged:
        for sentence, _ in article.sentences:
            assert " ".join(sentence.text.split()) in text
    assert not re.search(r"<(script|img|link|iframe)\b|\bsrc=|https?://", re.sub(r">[^<]*<", "><", page))
    for label in tagged[0].scheme.labels:
        assert label.definition in text
    styles = re.findall(r"\.l\d \{[^}]*text-decoration-style: (\w+)", page)
    assert len(styles) == len(set(styles)) == 4  # told apart without colour


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page is not opened in a browser")
def test_a_browser_shows_it_without_complaint(tagged: list[TaggedArticle], tmp_path: Path):
    path = tmp_path / "page.html"
    path.write_text(to_html(tagged), encoding="utf-8")
    options = [*HEADLESS, "--enable-logging=stderr", f"--user-data-dir={tmp_path}/profile"]
    command = [str(CHROMIUM), *options, "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("<article") == len(tagged)
    assert "CONSOLE" not in done.stderr, done.stderr
    shot = tmp_path / "page.png"
    command = [*command[:-2], "--window-size=360,900", f"--screenshot={shot}", path.as_uri()]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    assert shot.read_bytes().startswith(b"\x89PNG")

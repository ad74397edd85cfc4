import functools
import http.server
import json
import threading
from pathlib import Path

import pytest

from labels.articles import Article, read_articles, read_split, split
from labels.errors import ArticleError
from tests.conftest import ROOT, SHARED_ARTICLES

SAMPLES = ROOT / "labels/samples"


def test_a_page_gives_text_title_outlet_and_date():
    (article,) = read_articles([str(SAMPLES / "the-switchyard.html")])
    assert (article.outlet, article.published) == ("The Switchyard", "2023-01-18")
    assert article.title == "Gravena: one meeting, two read-outs and a missing date"
    assert article.text.startswith(article.title)
    assert "cookie" not in article.text.lower()


def test_a_text_file_is_read_as_it_is(tmp_path: Path):
    text = "\r\n Bridge to close for a year \r\nThe council voted on Friday.\r\n"
    (tmp_path / "a.txt").write_bytes(text.encode())
    (article,) = read_articles([str(tmp_path / "a.txt")])
    assert article.text == text
    assert article.title == "Bridge to close for a year"
    assert [s.text for s in split(article)] == ["Bridge to close for a year", "The council voted on Friday."]


def test_a_menu_line_is_no_title():
    (article,) = read_articles([str(SAMPLES / "the-vire-messenger.txt")])
    assert article.title is not None
    assert len(article.title.split()) > 3
    assert "|" not in article.title


def test_jsonl_keeps_the_metadata(tmp_path: Path):
    row = {"id": "x", "text": "It rained. She left.", "title": "T", "outlet": "O", "url": "U", "published": "2031-01-02"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n\n" + json.dumps({"text": "Second one."}))
    first, second = read_articles([str(tmp_path / "a.jsonl")])
    assert first == Article("x", "It rained. She left.", "T", "O", "U", "2031-01-02")
    assert second.id == "a:3"


def test_folders_and_globs_are_read_in_order(tmp_path: Path):
    for name in ("b.txt", "a.md", "sub/c.html", "ignored.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("<html><body><p>The council voted on Friday to close the old bridge.</p></body></html>")
    assert [article.id for article in read_articles([str(tmp_path)])] == ["a", "b", "c"]
    assert [article.id for article in read_articles([str(tmp_path / "*.txt")])] == ["b"]


def test_ids_are_unique(tmp_path: Path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("It rained.")
    assert [article.id for article in read_articles([str(tmp_path)])] == ["a", "a#2"]


def test_a_url_is_fetched_only_when_given():
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SAMPLES))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        (article,) = read_articles([f"{address}/the-switchyard.html"])
        assert article.outlet == "The Switchyard"
        with pytest.raises(ArticleError, match=r"missing\.html: cannot be fetched: answers 404"):
            read_articles([f"{address}/missing.html"])
        server.shutdown()


def test_split_input_keeps_every_sentence(tmp_path: Path):
    sentences = ["One.", "", "  Two  ", "Menu"]
    (tmp_path / "s.jsonl").write_text(json.dumps({"id": "a", "title": "T", "sentences": sentences}))
    ((article, found),) = read_split([str(tmp_path / "s.jsonl")])
    assert [s.text for s in found] == sentences
    assert all(article.text[s.start : s.end] == s.text for s in found)


BAD = {
    "empty.txt": (b"", "is empty"),
    "blank.txt": (b" \n\t\n", "is empty"),
    "binary.txt": (b"\x89PNG\r\n\x00\x00", "is a binary file"),
    "latin.txt": ("Caf\xe9 au lait.".encode("latin-1"), "is not UTF-8 (byte 0xe9 at offset 3); convert it"),
    "large.txt": (b"It rained. " * 2_000_000, "22.0 MB is too large for one article"),
    "none.html": (b"<html><body><script>let x = 1</script></body></html>", "no article found in this HTML"),
    "broken.jsonl": (b'{"text": "It rained."}\n{"text": \n', "broken.jsonl:2: not valid JSON"),
    "list.jsonl": (b"[1, 2]\n", "list.jsonl:1: is list, not a JSON object"),
    "untexted.jsonl": (b'{"id": "a"}\n', 'untexted.jsonl:1: needs a "text"'),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_by_name(tmp_path: Path, name: str):
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArticleError) as caught:
        read_articles([str(tmp_path / name)])
    assert str(caught.value).startswith(str(tmp_path / name))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_bad_source_gets_its_line(tmp_path: Path):
    (tmp_path / "good.txt").write_text("It rained.")
    (tmp_path / "empty").mkdir()
    sources = [tmp_path / name for name in ("good.txt", "missing.txt", "empty", "no*.txt")]
    with pytest.raises(ArticleError) as caught:
        read_articles([str(source) for source in sources])
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(source) for source in sources[1:]]


def test_lone_surrogates_of_json_become_encodable(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "It \ud800 rained."}))
    (article,) = read_articles([str(tmp_path / "a.jsonl")])
    assert article.text.encode()
    assert len(article.text) == len("It x rained.")


@pytest.mark.skipif(not SHARED_ARTICLES.is_dir(), reason="the acceptance articles are not at hand: ../shared/articles")
def test_acceptance_articles_are_read_and_split():
    articles = read_articles([str(SHARED_ARTICLES)])
    assert len(articles) == 5
    assert [len(split(article)) for article in articles] == [14, 28, 28, 44, 26]

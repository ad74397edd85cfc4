"""The web page and the JSON API, on a real server where it matters."""

import asyncio
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from labels.articles import fetch as fetching
from labels.articles import metadata, read_articles
from labels.articles.fetch import address_of, fetch
from labels.errors import ArticleError
from models import Tagger
from models.formats.tables import to_json
from models.serve.web import Limits, make_page_app
from tests.conftest import ROOT, Run, free_port

TEXT = "The bridge closed on Monday.\n“We saw it coming,” the mayor said."
EVIL = "<script>alert(1)</script> The bridge closed.\n</article></style><img src=x onerror=alert(2)> The mayor left. " * 3


def page_of(text: str) -> str:
    lines = "</p><p>".join(html.escape(line) for line in [*(TEXT * 4).splitlines(), *text.splitlines()])
    return f"<html><title>Bridge</title><body><article><p>{lines}</p></article></body></html>"


@pytest.fixture(scope="module")
def tagger(artifact: Path) -> Tagger:
    return Tagger.load(artifact)


@pytest.fixture
def client(tagger: Tagger) -> Iterator[TestClient]:
    with TestClient(make_page_app(tagger, "tiny-1", Limits(body=100_000))) as found:
        yield found


def test_the_api_says_what_the_tagger_says(client: TestClient, tagger: Tagger):
    samples = read_articles([str(ROOT / "labels/samples")])
    rows = [{"id": article.id, "text": article.text, **metadata(article)} for article in samples]
    answer = client.post("/v1/tag", json={"articles": rows})
    assert answer.status_code == 200
    assert answer.json() == json.loads(to_json(tagger.tag_all(samples)))
    assert client.get("/v1/model").json()["labels"][0]["name"] == tagger.scheme.names[0]
    assert client.get("/health").json() == {"status": "ok", "version": "tiny-1"}
    assert f"newsvoice_sentences_total {sum(len(row['sentences']) for row in answer.json())}.0" in client.get("/metrics").text


def test_text_html_and_json_of_an_article_say_the_same(client: TestClient):
    body = TEXT * 2
    labels = []
    for kind, content in (("text/plain", body), ("application/json", json.dumps({"articles": [{"text": body}]}))):
        answer = client.post("/v1/tag", content=content.encode(), headers={"content-type": f"{kind}; charset=utf-8"})
        labels.append([row["label"] for row in answer.json()[0]["sentences"]])
    assert labels[0] == labels[1] != []
    answer = client.post("/v1/tag", content=page_of(body), headers={"content-type": "text/html"})
    assert "the mayor said" in answer.json()[0]["text"]


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (400, "application/json", b"{broken"),
        (422, "application/json", b'{"articles": []}'),
        (422, "application/json", b'{"articles": [{"text": "A bridge."}], "more": 1}'),
        (422, "application/json", b'{"articles": [{"txt": "A bridge."}]}'),
        (422, "application/json", b'{"articles": [{"title": "A bridge."}]}'),
        (400, "application/json", b"[" * 50_000),
        (422, "application/json", b'{"articles": [{"text": "A bridge.", "html": "<p>A bridge.</p>"}]}'),
        (422, "text/plain", b"Share this"),
        (422, "text/plain", b""),
        (422, "text/plain", b"\xff\xfe\x00"),
        (422, "text/html", b"<p>no</p>"),
        (415, "image/png", b"\x89PNG"),
        (415, "", b"x"),
        (413, "text/plain", b"The bridge closed. " * 10_000),
    ],
)
def test_what_cannot_be_tagged_is_told(client: TestClient, status: int, kind: str, body: bytes):
    answer = client.post("/v1/tag", content=body, headers={"content-type": kind})
    assert (answer.status_code, type(answer.json()["detail"])) == (status, str)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_more_than_may_ever_wait_is_refused_at_once(tagger: Tagger):
    with TestClient(make_page_app(tagger, "tiny-1", Limits(waiting=10))) as client:
        answer = client.post("/v1/tag", json={"articles": [{"text": TEXT * 20}]})
        assert (answer.status_code, answer.json()["detail"]) == (413, "more than 10 sentences; send less at once")
        assert client.post("/v1/tag", json={"articles": [{"text": TEXT}]}).status_code == 200


def test_one_article_at_fault_fails_alone(tagger: Tagger):
    class Faulty:
        scheme = tagger.scheme

        def tag_split(self, articles: Any) -> Any:
            time.sleep(0.05)  # so that the others come together
            if any("poison" in article.text for article, _ in articles):
                raise RuntimeError("poison")
            return tagger.tag_split(articles)

    with TestClient(make_page_app(Faulty(), "x", Limits())) as client, ThreadPoolExecutor(20) as pool:  # type: ignore[arg-type]
        asked = [{"articles": [{"text": "A poison." if number == 7 else TEXT}]} for number in range(20)]
        answers = [answer.status_code for answer in pool.map(lambda body: client.post("/v1/tag", json=body), asked)]
        assert answers == [500 if number == 7 else 200 for number in range(20)]
        answer = client.post("/v1/tag", json={"articles": [{"text": "A poison."}]})
        assert answer.json() == {"detail": "this went wrong on our side"}
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert 'newsvoice_requests_total{path="/v1/tag",status="500"} 2.0' in client.get("/metrics").text


def test_a_body_without_a_length_is_cut_off_too(client: TestClient):
    chunks = (b"The bridge closed. " * 100 for _ in range(1000))
    assert client.post("/v1/tag", content=chunks, headers={"content-type": "text/plain"}).status_code == 413


def test_the_page_takes_text_and_files_and_runs_nothing_of_them(client: TestClient):
    assert 'name="url"' not in client.get("/").text
    sent: list[dict[str, Any]] = [
        {"data": {"text": EVIL}},
        {"files": {"file": ("evil.txt", EVIL.encode(), "text/plain")}},
        {"files": {"file": ("x.html", page_of(EVIL).encode(), "text/html")}},
    ]
    for form in sent:
        answer = client.post("/", **form)
        assert answer.status_code == 200
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert len(re.findall(r"<script", answer.text)) == 1
        assert "<img" not in answer.text
        assert answer.text.count("<article ") == 1


def test_what_the_page_cannot_tag_it_gives_back(client: TestClient):
    answer = client.post("/", data={"text": "<script>"})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert ">&lt;script&gt;</textarea>" in answer.text
    answer = client.post("/", data={"url": "https://example.org/"})
    assert answer.status_code == 403
    assert "fetches no pages" in answer.text
    for content, kind, status, fault in (
        (b"x", "text/plain", 400, "this is not the page&#39;s form"),
        (b"x", "multipart/form-data", 400, "this is not the page&#39;s form"),
        (b"x", "multipart/form-data; boundary=y", 400, "this is not the page&#39;s form"),
        (b"", "multipart/form-data; boundary=x", 422, "Paste the text of an article, or choose a file."),
    ):
        answer = client.post("/", content=content, headers={"content-type": kind})
        assert (answer.status_code, f'role="alert">{fault}<' in answer.text) == (status, True)
    answer = client.post("/", files={"file": ("x.docx", b"PK\0\0", "application/zip")}, data={"text": "kept"})
    assert (answer.status_code, "is a binary file" in answer.text, ">kept</textarea>" in answer.text) == (422, True, True)
    lone = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nThe \\ud800 closed.\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x; charset=unicode_escape"
    answer = client.post("/", content=lone, headers={"content-type": kind})  # half a character, which is replaced
    assert (answer.status_code, "closed.</span>" in answer.text) == (200, True)


def test_a_pasted_article_has_its_headline(client: TestClient):
    assert "<h1" in (page := client.post("/", data={"text": f"Bridge closes for a week\n{TEXT}"}).text)
    assert "<title>Bridge closes for a week</title>" in page


FUZZED = os.environ.get("FUZZED", "60")  # requests that are made up for each operation; `make fuzz` wants more
PRIVATE = [
    *(
        "127.0.0.1",
        "localhost",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "fc00::1",
        "224.0.0.1",
    ),
    *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "2130706433", "0x7f.1"),
    *("fec0::1", "64:ff9b:1::a00:1", "::7f00:1", "::ffff:0:7f00:1", "5f00::1", "2001:db8::1", "2001:0:7f00:1::"),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_never_fetched(host: str):
    with pytest.raises(ValueError, match="not a public address"):
        address_of(host, 80, time.monotonic() + 5, public_only=True)


def test_public_addresses_are_allowed():
    assert address_of("8.8.8.8", 80, time.monotonic() + 5, public_only=True) == "8.8.8.8"
    assert address_of("2606:4700::1111", 80, time.monotonic() + 5, public_only=True) == "2606:4700::1111"


class _Web(BaseHTTPRequestHandler):
    """Pages on the way to trouble."""

    def do_GET(self) -> None:
        if self.path == "/drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100):
                self.wfile.write(b"X-More: x\r\n")
                time.sleep(0.05)
        elif self.path == "/inside":
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.2:{self.server.server_port}/")  # type: ignore[attr-defined]
            self.end_headers()
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
        else:
            self.send_response(404 if self.path == "/none" else 200)
            self.end_headers()
            for _ in range(1 if self.path == "/page" else 100):
                self.wfile.write(b"<p>The bridge closed.</p>" * 1000)
                time.sleep(0.05 if self.path == "/slow" else 0)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that passes for public; only 127.0.0.2 stays private."""
    monkeypatch.setattr(fetching, "_is_public", lambda address: str(address) == "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    monkeypatch.setattr(fetching, "PORTS", (server.server_port,))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_fetching_checks_every_step(web: str, monkeypatch: pytest.MonkeyPatch):
    assert fetch(f"{web}/page", 1_000_000, public_only=True).startswith("<p>The bridge")
    for path, reason in (("inside", "127.0.0.2 is not a public address"), ("round", "redirects more"), ("none", "answers 404")):
        with pytest.raises(ArticleError, match=reason):
            fetch(f"{web}/{path}", 1_000_000, public_only=True)
    with pytest.raises(ArticleError, match="larger than 1 MB"):
        fetch(f"{web}/large", 1_000_000, public_only=True)
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    for path in ("slow", "drip"):
        start = time.monotonic()
        with pytest.raises(ArticleError, match="no answer within"):
            fetch(f"{web}/{path}", 10_000_000, public_only=True)
        assert time.monotonic() - start < 2
    for url in ("file:///etc/passwd", "gopher://x", "http://", "http://user:word@example.org/", "http://[", f"{web}:x/"):
        with pytest.raises(ArticleError, match="cannot be fetched"):
            fetch(url, 100, public_only=True)


def test_the_page_fetches_addresses_if_it_is_allowed_and_private_ones_never(web: str, tagger: Tagger):
    with TestClient(make_page_app(tagger, "tiny-1", Limits(), allow_fetch=True)) as client:
        assert 'name="url"' in client.get("/").text
        answer = client.post("/", data={"url": f"{web}/page"})
        assert (answer.status_code, "The bridge closed." in answer.text) == (200, True)
        answer = client.post("/", data={"url": f"{web}/inside"})
        assert (answer.status_code, "127.0.0.2 is not a public address" in answer.text) == (422, True)


@dataclass(frozen=True, slots=True)
class Served:
    """A server in a process of its own, and the file of what it prints."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def complaints(self) -> list[str]:
        """Return what it has printed but for its greeting, and for what uvicorn says of requests that are not HTTP."""
        greeting, *others = self.log.read_text(encoding="utf-8").splitlines()
        assert greeting.startswith("serving ")
        return [line for line in others if line != "WARNING:  Invalid HTTP request received."]

    def stop(self) -> int:
        """Tell it to stop; return its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def serving(model: Path, log: Path, *options: str) -> Iterator[Served]:
    """Start a server, wait until it answers, and end it with the block."""
    port = free_port()
    command = [sys.executable, "-m", "models", "serve", "--model", str(model), "--port", str(port), *options]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
    served = Served(f"http://127.0.0.1:{port}", process, log)
    try:
        deadline = time.monotonic() + 60
        while not _answers(served.url):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield served
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/health").status_code == 200)
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def server(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(artifact, tmp_path_factory.mktemp("server") / "log", "--max-requests", "1000") as served:
        yield served


def _article(number: int) -> dict[str, str]:
    return {"id": f"a{number}", "text": f"{TEXT} It was day {number}. " * (1 + number % 7)}


async def _tag(client: httpx.AsyncClient, number: int) -> Counter[int]:
    """Ask until there is an answer, and return how often it was refused, and how."""
    refused = Counter[int]()
    while True:
        answer = await client.post("/v1/tag", json={"articles": [_article(number)]})
        if answer.status_code == 200:
            [found] = answer.json()
            assert found["id"] == f"a{number}"
            assert found["text"] == _article(number)["text"]
            return refused
        assert answer.status_code in (429, 503), answer.text
        refused[answer.status_code] += 1
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def _crowd(url: str, size: int) -> Counter[int]:
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=size)) as client:
        refused = await asyncio.gather(*(_tag(client, number) for number in range(size)))
        return sum(refused, Counter[int]())


def _memory(process: "subprocess.Popen[bytes]") -> int:
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[0])


def test_two_hundred_clients_get_each_their_own(server: Served):
    for _ in range(2):
        assert asyncio.run(_crowd(server.url, 200)) == Counter()  # none is refused
    before = _memory(server.process)
    for _ in range(2):
        assert asyncio.run(_crowd(server.url, 200)) == Counter()
    assert _memory(server.process) < before + 40_000, "kB"
    assert server.complaints() == []


@pytest.mark.parametrize(
    ("phases", "checks"),
    [
        ("examples", ("--checks", "all")),  # what the description shows is accepted
        ("coverage,fuzzing", ("--checks", "all", "--exclude-checks", "positive_data_acceptance")),  # no sentence, no answer
    ],
)
def test_made_up_requests_get_the_answers_that_the_description_promises(
    server: Served, phases: str, checks: tuple[str, ...], run: Run, tmp_path: Path
):
    tries = ("--phases", phases, "--max-examples", FUZZED, "--seed", "7", "--generation-database", ":memory:", "--no-color")
    done = run(
        "schemathesis.cli", "run", f"{server.url}/openapi.json", *checks, *tries, cwd=tmp_path, timeout=60 + 2 * int(FUZZED)
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0
    assert server.complaints() == []


def test_slow_clients_hold_nobody_up(server: Served):
    host, port = server.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for sock in slow:
            sock.sendall(b"POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nThe ")
        start = time.monotonic()
        assert httpx.post(f"{server.url}/v1/tag", json={"articles": [_article(1)]}, timeout=30).status_code == 200
        assert time.monotonic() - start < 5
    finally:
        for sock in slow:
            sock.close()
    assert server.complaints() == []


@pytest.mark.parametrize(("limit", "status"), [(("--max-requests", "3"), 429), (("--max-waiting", "30"), 503)])
def test_what_is_too_much_at_once_is_refused_and_comes_through_later(
    artifact: Path, tmp_path: Path, limit: tuple[str, str], status: int
):
    with serving(artifact, tmp_path / "log", *limit) as served:
        refused = asyncio.run(_crowd(served.url, 40))
        assert set(refused) == {status}
        spoofed = [httpx.get(f"{served.url}/health", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(3)]
        assert spoofed == [200] * 3
        assert served.complaints() == []
        assert served.process.poll() is None


def test_what_was_begun_is_finished_when_the_server_is_told_to_stop(artifact: Path, tmp_path: Path):
    async def load(served: Served) -> tuple[int, list[Any]]:
        async with httpx.AsyncClient(base_url=served.url, timeout=120) as client:
            long = {"articles": [_article(6) | {"text": TEXT * 300}]}
            tasks = [asyncio.create_task(client.post("/v1/tag", json=long)) for _ in range(20)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            served.process.terminate()
            open_then = sum(not task.done() for task in tasks)
            return open_then, await asyncio.gather(*tasks)

    with serving(artifact, tmp_path / "log", "--max-waiting", "100000") as served:
        open_then, answers = asyncio.run(load(served))
        assert open_then > 0
        assert [answer.status_code for answer in answers] == [200] * 20
        assert served.process.wait(30) == -signal.SIGTERM  # its work done, it ends by the signal it was sent
        assert served.complaints() == []


def test_nothing_of_an_article_is_logged(artifact: Path, tmp_path: Path):
    with serving(artifact, tmp_path / "log") as served:
        statuses = [
            httpx.post(f"{served.url}/v1/tag", content=body, headers={"content-type": kind}).status_code
            for kind, body in (
                ("application/json", b'{"articles": [{"text": "Zanzibar closed on Monday."}]}'),
                ("application/json", b'{"articles": [{"text": "Zanzibar'),
                ("text/html", page_of("Zanzibar <time datetime='99/99/9999'>Zanzibar</time>").encode()),
            )
        ]
        assert statuses == [200, 400, 200]
        assert httpx.post(served.url, data={"text": "Zanzibar"}).status_code == 422  # a word is no sentence
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as gone:
            gone.sendall(b"POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\nZanzibar")
        assert served.stop() == -signal.SIGTERM
        assert served.complaints() == []


def test_a_port_that_is_taken_is_told(artifact: Path, run: Run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("models", "serve", "--model", str(artifact), "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "name another --port" in done.stderr) == (2, True)

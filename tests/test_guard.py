"""Who may ask the servers: hosts, origins, passwords."""

import base64

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from models.serve.guard import Guard, is_loopback


def client_of(*hosts: str, credentials: str = "") -> TestClient:
    def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    return TestClient(Guard(app, hosts, credentials), base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "192.168.1.7", "news.example:80"]
)
def test_own_names_and_addresses_are_answered(host: str):
    assert client_of("news.example").get("/", headers={"host": host}).text == "done"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", ""])
def test_a_name_that_was_pointed_here_is_refused(host: str):
    answer = client_of("news.example").post("/", headers={"host": host})
    assert (answer.status_code, "--allow-host" in answer.text) == (421, True)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9000", "http://localhost:8000", ""])
def test_pages_of_other_sites_are_refused(origin: str):
    assert client_of().post("/", headers={"origin": origin}).status_code == 403


def test_the_own_page_is_answered():
    assert client_of().post("/", headers={"origin": "http://127.0.0.1:8000"}).status_code == 200
    own = {"origin": "https://News.example", "host": "news.example"}
    assert client_of("news.example").post("/", headers=own).status_code == 200


def test_a_password_is_asked_for_and_checked():
    client = client_of(credentials="anna:secret")
    assert "Basic" in client.get("/").headers["www-authenticate"]
    for sent, status in ((b"anna:secret", 200), (b"anna:wrong", 401), (b"anna:", 401), (b"", 401)):
        header = {"authorization": f"Basic {base64.b64encode(sent).decode()}"}
        assert client.get("/", headers=header).status_code == status
    for broken in ("Basic anna:secret", "Bearer x", "Basic", "Basic ===="):
        assert client.get("/", headers={"authorization": broken}).status_code == 401


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("", False), ("::", False)]
)
def test_loopback(host: str, expected: bool):
    assert is_loopback(host) is expected

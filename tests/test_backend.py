"""The ML backend without a Label Studio server: what it answers, and when it trains."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from labels.articles import read_articles
from labels.errors import ConfigError
from labels.splitting import split
from labels.tasks import sentence_tasks, sentence_view
from models import Tagger
from models.backend import Backend, make_app

TOKEN = "a-secret-token"


@pytest.fixture
def backend(artefact: Path, tmp_path: Path) -> Backend:
    return Backend(artefact, None, tmp_path / "corpus", train_after=3)


@pytest.fixture
def client(backend: Backend) -> Iterator[TestClient]:
    with TestClient(make_app(backend)) as found:
        yield found


def hear(client: TestClient, action: str, **more: Any) -> None:
    assert client.post("/webhook", json={"action": action, "project": {"id": 7}} | more).status_code == 200


def test_many_annotators_at_once_get_what_the_tagger_says(client: TestClient, backend: Backend, artefact: Path):
    articles = read_articles(["labels/samples"])
    expected = [
        (data, prediction)
        for article, tagged in zip(articles, Tagger.load(artefact).tag_all(articles), strict=True)
        for data, (_, prediction) in zip(sentence_tasks(article, split(article)), tagged.sentences, strict=True)
    ]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda e: client.post("/predict", json={"tasks": [{"id": 1, "data": e[0]}]}).json(), expected))
    for (_, prediction), answer in zip(expected, answers, strict=True):
        [result] = answer["results"]
        assert result["result"][0]["value"]["choices"] == [prediction.label]
        assert result["score"] == pytest.approx(prediction.probability)
        assert result["model_version"] == backend.version
    assert client.get("/versions").json() == {"versions": [backend.version]}


def test_a_task_of_somebody_else_gets_no_suggestion_and_spoils_none(client: TestClient):
    article = read_articles(["labels/samples/passline-news-agency.txt"])[0]
    good = sentence_tasks(article, split(article))[3]
    bad: list[Any] = [{"data": {"text": "x"}}, {"data": good | {"index": 999}}, {"data": good | {"sentences": 5}}, {}]
    results = client.post("/predict", json={"tasks": [*bad, {"data": good}]}).json()["results"]
    assert [bool(result["result"]) for result in results] == [False] * 4 + [True]
    assert client.post("/predict", json={"tasks": None}).json() == {"results": []}


def test_new_answers_start_one_training_and_a_failure_keeps_the_model(
    client: TestClient, backend: Backend, scheme: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    trained: list[tuple[str, str]] = []
    begun, go = threading.Event(), threading.Event()

    def train(self: Backend, project: str) -> None:
        trained.append(self.servers[project])
        begun.set()
        go.wait(20)
        raise ConfigError("the disk is full")

    monkeypatch.setattr(Backend, "_train", train)
    setup = {"project": "7.123", "schema": sentence_view(scheme), "hostname": "http://127.0.0.1:1", "access_token": TOKEN}
    assert client.post("/setup", json=setup).json() == {"model_version": backend.version}
    hear(client, "ANNOTATION_CREATED", annotation={})
    hear(client, "ANNOTATIONS_DELETED", annotations=[{"id": 1}])
    assert not backend.outcome.startswith("running")
    hear(client, "ANNOTATIONS_CREATED", annotations=[{}, {}])
    assert begun.wait(20)
    assert client.get("/health").json()["training"] == "running"
    for _ in range(5):  # while one runs, one more may wait, not five
        hear(client, "START_TRAINING")
    version = backend.version
    go.set()
    for _ in range(200):
        if len(trained) == 2 and "failed" in backend.outcome:
            break
        threading.Event().wait(0.1)
    assert trained == [("http://127.0.0.1:1", TOKEN)] * 2
    assert client.get("/health").json() == {
        "status": "UP",
        "model_version": version,
        "training": f"failed, {version} stays: the disk is full",
    }
    assert TOKEN not in "".join(capsys.readouterr())


def test_without_a_server_it_says_how_to_name_one(client: TestClient, backend: Backend, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    hear(client, "START_TRAINING")
    for _ in range(200):
        if "failed" in backend.outcome:
            break
        threading.Event().wait(0.1)
    assert "open a task of it once, or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY" in backend.outcome

"""The ML backend without a Label Studio server: what it answers, and when it trains."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from labels.articles import read_articles, split
from labels.errors import ConfigError
from labels.scheme import LabelScheme
from labels.studio.tasks import sentence_tasks
from labels.studio.views import sentence_view
from models import Tagger
from models.serve.backend import Backend, make_backend_app
from tests.conftest import Run
from train import retrain
from train.retrain import Retrainer


@pytest.fixture
def retrainer(artifact: Path, tmp_path: Path) -> Retrainer:
    return Retrainer(artifact, None, tmp_path / "corpus", train_after=3)


@pytest.fixture
def backend(artifact: Path, retrainer: Retrainer) -> Backend:
    return Backend(artifact, retrainer)


@pytest.fixture
def client(backend: Backend) -> Iterator[TestClient]:
    with TestClient(make_backend_app(backend)) as found:
        yield found


def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about within twenty seconds")


def hear(client: TestClient, action: str, **more: Any) -> None:
    assert client.post("/webhook", json={"action": action, "project": {"id": 7}} | more).status_code == 200


def test_many_annotators_at_once_get_what_the_tagger_says(client: TestClient, backend: Backend, artifact: Path):
    articles = read_articles(["labels/samples"])
    expected = [
        (data, prediction)
        for article, tagged in zip(articles, Tagger.load(artifact).tag_all(articles), strict=True)
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
    client: TestClient, backend: Backend, retrainer: Retrainer, monkeypatch: pytest.MonkeyPatch
):
    trained: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def train(project: str) -> None:
        trained.append(project)
        begun.set()
        go.wait(20)
        raise ConfigError("the disk is full")

    monkeypatch.setattr(retrainer, "train", train)
    hear(client, "ANNOTATION_CREATED", annotation={})
    hear(client, "ANNOTATIONS_DELETED", annotations=[{"id": 1}])
    assert backend.outcome == "none yet"
    hear(client, "ANNOTATIONS_CREATED", annotations=[{}, {}])
    assert begun.wait(20)
    assert client.get("/health").json()["training"] == "running"
    for _ in range(5):  # while one runs, one more may wait, not five
        hear(client, "START_TRAINING")
    version = backend.version
    go.set()
    until(lambda: len(trained) == 2 and "failed" in backend.outcome)
    assert trained == ["7", "7"]
    assert client.get("/health").json() == {
        "status": "UP",
        "model_version": version,
        "training": f"failed, {version} stays: the disk is full",
    }


def test_a_training_that_really_fails_is_told_by_its_last_lines(
    client: TestClient,
    backend: Backend,
    retrainer: Retrainer,
    scheme: LabelScheme,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(retrain, "connect", lambda: None)
    monkeypatch.setattr(retrain, "pull_corpus", lambda *_: ([], []))
    retrainer.config = tmp_path / "config.yaml"
    retrainer.config.write_text("data: {corpora: [nowhere]}", encoding="utf-8")
    before = backend.version
    hear(client, "START_TRAINING")
    until(lambda: "failed" in backend.outcome)
    assert "nowhere/articles.jsonl: no such file or folder" in backend.outcome
    assert client.get("/health").json()["model_version"] == before


def test_a_server_and_a_token_that_a_caller_names_are_not_used(
    client: TestClient, backend: Backend, scheme: LabelScheme, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Somebody else's /setup would make the training pull from a server of theirs."""
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    monkeypatch.chdir(tmp_path)  # nor is a server of `newsvoice studio start` known here
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        theirs.settimeout(0.2)
        address = f"http://127.0.0.1:{theirs.getsockname()[1]}"
        setup = {"project": "7.123", "schema": sentence_view(scheme), "hostname": address, "access_token": "theirs"}
        assert client.post("/setup", json=setup).json() == {"model_version": backend.version}
        hear(client, "START_TRAINING")
        until(lambda: "failed" in backend.outcome)
        with pytest.raises(TimeoutError):
            theirs.accept()
    assert "start one (newsvoice studio start), or set both LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY" in backend.outcome


def test_without_a_trainer_it_predicts_and_says_who_trains(artifact: Path):
    with TestClient(make_backend_app(Backend(artifact))) as client:
        hear(client, "START_TRAINING")
        assert "newsvoice serve --label-studio" in client.get("/health").json()["training"]


def test_other_machines_are_let_in_only_with_a_password(run: Run, artifact: Path):
    done = run("newsvoice", "serve", "--label-studio", "--model", str(artifact), "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "set NEWSVOICE_CREDENTIALS=USER:PASSWORD" in done.stderr

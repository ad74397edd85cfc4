"""The model behind Label Studio's page, as the ML backend that its server calls: `make_app(Backend(folder, trainer))`.

Label Studio asks for a suggestion when a task is opened (/predict) and tells what annotators do (/webhook). What is heard is
passed on to a trainer, if there is one (train/retrain.py), which may put a better model in the folder that is served. /setup
names a server and a token of the caller's choice: neither is kept.
"""

import sys
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from labels.articles import Article, Sentence
from labels.errors import UserError
from labels.studio.tasks import read_article, suggestion
from labels.studio.views import check_view

if TYPE_CHECKING:
    from fastapi import FastAPI

    from models.tagger import Prediction, Tagger

    Predict = Callable[[Article, tuple[Sentence, ...]], list[Prediction]]

CACHED = 64  # articles whose predictions are kept


class Trainer(Protocol):
    """What trains on what annotators do.

    Attributes:
        outcome: how the last training ended.
    """

    outcome: str

    def hear(self, action: str, project: str, answers: int, reload: Callable[[], str]) -> None:
        """Take note of an action of Label Studio; `reload` serves what is in the folder and returns its version."""

    def stop(self) -> None:
        """End a training that runs."""


class Backend:
    """The model that is served.

    Attributes:
        version: a name for its weights.
    """

    def __init__(self, folder: Path, trainer: Trainer | None = None) -> None:
        self.folder, self.trainer, self.version = folder, trainer, ""
        self._tagging = threading.Lock()
        self.load()

    def load(self) -> str:
        """Serve what is in the artifact folder now; return its version."""
        from models.artifact import model_version
        from models.tagger import Tagger

        tagger, version = Tagger.load(self.folder), model_version(self.folder)
        with self._tagging:
            self.scheme, self.version, self._predict = tagger.scheme, version, _cached(tagger)
        return version

    def predict(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return what Label Studio shows for a task; nothing for a task that was not pushed from here."""
        with self._tagging:
            version = self.version
            try:
                article, sentences, _ = read_article(task["data"])
                predictions = self._predict(article, tuple(sentences))
                labels, scores = [p.label for p in predictions], [p.probability for p in predictions]
                result, score = suggestion(task["data"], labels, scores)
            except (KeyError, TypeError, ValueError, IndexError):
                result, score = [], 0.0
        return {"result": result, "score": score, "model_version": version}

    def hear(self, action: str, project: str, answers: int) -> None:
        """Pass on what happened in a project."""
        if self.trainer:
            self.trainer.hear(action, project, answers, self.load)

    @property
    def outcome(self) -> str:
        """Say how the last training ended."""
        return self.trainer.outcome if self.trainer else "this server does not train; newsvoice serve --label-studio does"


def make_app(backend: Backend) -> "FastAPI":
    """Return the web application: the requests that Label Studio 1.23 makes."""
    from fastapi import FastAPI

    app = FastAPI(title="newsvoice ML backend", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP", "model_version": backend.version, "training": backend.outcome}

    @app.post("/setup")
    def setup(body: dict[str, Any]) -> dict[str, str]:
        try:
            check_view(str(body.get("schema") or "<View/>"), backend.scheme, _project(body.get("project")))
        except UserError as error:
            print(error, file=sys.stderr, flush=True)
        return {"model_version": backend.version}

    @app.post("/predict")
    def predict(body: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        return {"results": [backend.predict(task) for task in body.get("tasks") or ()]}

    @app.post("/webhook")
    def webhook(body: dict[str, Any]) -> dict[str, str]:
        answers = len(body.get("annotations") or [1])
        backend.hear(str(body.get("action")), _project((body.get("project") or {}).get("id")), answers)
        return {"training": backend.outcome}

    @app.get("/versions")
    def versions() -> dict[str, list[str]]:
        return {"versions": [backend.version]}

    return app


def _cached(tagger: "Tagger") -> "Predict":
    """Return a function that tags a whole article once for all the tasks that are of it."""

    @lru_cache(maxsize=CACHED)
    def predict(article: Article, sentences: tuple[Sentence, ...]) -> "list[Prediction]":
        [tagged] = tagger.tag_split([(article, sentences)])
        return [prediction for _, prediction in tagged.sentences]

    return predict


def _project(name: object) -> str:
    """Return a project's number: Label Studio writes 10 or "10.1795309653"."""
    return str(name or "").partition(".")[0]

"""The ML backend that Label Studio's server calls: `make_backend_app(Backend(folder, trainer))`.

Label Studio asks for a suggestion when a task is opened (/predict) and reports what annotators do (/webhook). Reports go to a
trainer, if there is one (train/retrain.py), which may put a better model into the folder that is served. /setup names a server
and a token, which any caller can choose: neither is used.
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

CACHED_ARTICLES = 64  # whose predictions are kept


class BackgroundTrainer(Protocol):
    """Trains on new annotations while the old model is served.

    Attributes:
        outcome: how the last training ended.
    """

    outcome: str

    def handle_event(self, action: str, project: str, answers: int, reload: Callable[[], str]) -> None:
        """Take note of an event in Label Studio, and train if it is time.

        Args:
            action: kind of the event, as Label Studio names it, for instance ANNOTATION_CREATED.
            project: number of the project.
            answers: annotations that the event is about.
            reload: loads the model that is in the folder now, and returns its version.
        """

    def stop(self) -> None:
        """End a training that runs."""


class Backend:
    """The model that is served to Label Studio.

    Attributes:
        version: of the model, as `model_version` gives it.
        scheme: the labels of the model.
    """

    def __init__(self, folder: Path, trainer: BackgroundTrainer | None = None) -> None:
        self.folder, self.trainer, self.version = folder, trainer, ""
        self._lock = threading.Lock()
        self.load()

    def load(self) -> str:
        """Load the model that is in the folder now, and serve it; return its version."""
        from models.artifact import model_version
        from models.tagger import Tagger

        tagger, version = Tagger.load(self.folder), model_version(self.folder)
        with self._lock:
            self.scheme, self.version, self._predict = tagger.scheme, version, _cached(tagger)
        return version

    def predict(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return a suggestion for a task as Label Studio takes it; an empty one for a task that newsvoice did not push."""
        with self._lock:
            version = self.version
            try:
                article, sentences, _ = read_article(task["data"])
                predictions = self._predict(article, tuple(sentences))
                labels, scores = [p.label for p in predictions], [p.probability for p in predictions]
                result, score = suggestion(task["data"], labels, scores)
            except (KeyError, TypeError, ValueError, IndexError):
                result, score = [], 0.0
        return {"result": result, "score": score, "model_version": version}

    def handle_event(self, action: str, project: str, answers: int) -> None:
        """Pass an event on to the trainer."""
        if self.trainer:
            self.trainer.handle_event(action, project, answers, self.load)

    @property
    def outcome(self) -> str:
        """How the last training ended, or who trains if this server does not."""
        return self.trainer.outcome if self.trainer else "this server does not train; newsvoice serve --label-studio does"


def make_backend_app(backend: Backend) -> "FastAPI":
    """Return the web application, which answers the requests that Label Studio 1.23 makes."""
    from fastapi import FastAPI

    app = FastAPI(title="newsvoice ML backend", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP", "model_version": backend.version, "training": backend.outcome}

    @app.post("/setup")
    def setup(body: dict[str, Any]) -> dict[str, str]:
        try:
            check_view(str(body.get("schema") or "<View/>"), backend.scheme, _project_number(body.get("project")))
        except UserError as error:
            print(error, file=sys.stderr, flush=True)
        return {"model_version": backend.version}

    @app.post("/predict")
    def predict(body: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        return {"results": [backend.predict(task) for task in body.get("tasks") or ()]}

    @app.post("/webhook")
    def webhook(body: dict[str, Any]) -> dict[str, str]:
        answers = len(body.get("annotations") or [1])
        project = _project_number((body.get("project") or {}).get("id"))
        backend.handle_event(str(body.get("action")), project, answers)
        return {"training": backend.outcome}

    @app.get("/versions")
    def versions() -> dict[str, list[str]]:
        return {"versions": [backend.version]}

    return app


def _cached(tagger: "Tagger") -> "Predict":
    """Return a function that tags an article once, for all the tasks of its sentences."""

    @lru_cache(maxsize=CACHED_ARTICLES)
    def predict(article: Article, sentences: tuple[Sentence, ...]) -> "list[Prediction]":
        [tagged] = tagger.tag_split([(article, sentences)])
        return [prediction for _, prediction in tagged.sentences]

    return predict


def _project_number(name: object) -> str:
    """Return the number of a project, which Label Studio writes as 10 or "10.1795309653"."""
    return str(name or "").partition(".")[0]

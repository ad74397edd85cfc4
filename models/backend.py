"""Serve a trained model to Label Studio, as the ML backend that its server calls.

    python -m models serve --label-studio --model models/artifacts/default --train-after 100

Label Studio asks for a suggestion when a task is opened (/predict) and tells what annotators do (/webhook). START_TRAINING, or
--train-after new annotations, pulls the project's annotations and trains in a process of its own; the model is replaced only by
one that is better on the held-out split (python -m train --if-better). While that runs, and if it fails, the old model serves;
GET /health says how the last training ended. Needs the optional group: pip install -e '.[studio]'
"""

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from labels.articles import Article, Sentence
from labels.errors import DONE, ConfigError, StudioError, UserError, exit_code
from labels.studio import CORPUS, KEY, URL, Studio, pull_corpus
from labels.tasks import check_view, read_article, suggestion
from models import DEFAULT_MODEL

if TYPE_CHECKING:
    from fastapi import FastAPI

    from models.tagger import Prediction, Tagger

NEW = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models serve --label-studio", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--config", type=Path, help="how to train (default: as the model was trained)")
    parser.add_argument("--corpus", type=Path, default=CORPUS, metavar="FOLDER", help="annotations go there")
    parser.add_argument(
        "--train-after", type=int, default=0, metavar="N", help="train after N new annotations (default: never)"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9090)
    given = parser.parse_args(arguments)
    return exit_code(lambda: _serve(given))


def _serve(given: argparse.Namespace) -> int:
    try:
        import uvicorn
    except ImportError as error:
        raise ConfigError(f"{error}; it is in an optional group: pip install -e '.[studio]'") from error
    backend = Backend(given.model, given.config, given.corpus, given.train_after)
    _say(f"serving {backend.version} at http://{given.host}:{given.port}")
    try:
        uvicorn.run(make_app(backend), host=given.host, port=given.port, log_level="warning")
    finally:
        backend.stop()
    return DONE


@dataclass
class Backend:
    """The model that is served, and the training that may replace it."""

    folder: Path
    config: Path | None
    corpus: Path
    train_after: int
    tagger: "Tagger" = field(init=False)
    version: str = field(init=False)
    outcome: str = "none yet"
    servers: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)  # project: (address, token), never logged
    _fresh: dict[str, int] = field(default_factory=dict)  # project: answers since its last training
    _waiting: set[str] = field(default_factory=set)  # projects whose training has not begun
    _noting: threading.Lock = field(default_factory=threading.Lock)
    _tagging: threading.Lock = field(default_factory=threading.Lock)
    _training: threading.Lock = field(default_factory=threading.Lock)
    _process: "subprocess.Popen[str] | None" = None

    def __post_init__(self) -> None:
        self.load()

    def load(self) -> None:
        """Serve what is in the artefact folder."""
        from models.artefact import model_version
        from models.tagger import Tagger

        tagger, version = Tagger.load(self.folder), model_version(self.folder)
        with self._tagging:
            self.tagger, self.version = tagger, version
            _predictions.cache_clear()

    def predict(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return what Label Studio shows for a task; nothing for a task that was not pushed from here."""
        with self._tagging:
            version = self.version
            try:
                article, sentences, _ = read_article(task["data"])
                found = _predictions(self.tagger, article, tuple(sentences))
                result, score = suggestion(task["data"], [p.label for p in found], [p.probability for p in found])
            except (KeyError, TypeError, ValueError, IndexError):
                result, score = [], 0.0
        return {"result": result, "score": score, "model_version": version}

    def hear(self, action: str, project: str, answers: int) -> None:
        """Take note of what happened in a project, and train if it is time; a training that waits already is enough."""
        with self._noting:
            if action in NEW:
                self._fresh[project] = self._fresh.get(project, 0) + answers
            due = action == "START_TRAINING" or 0 < self.train_after <= self._fresh.get(project, 0)
            if not due or project in self._waiting:
                return
            self._waiting.add(project)
        threading.Thread(target=self._replace, args=(project,), daemon=True).start()

    def stop(self) -> None:
        """End a training that runs; what it has finished is kept, and the next one goes on from there."""
        if self._process:
            self._process.terminate()

    def _replace(self, project: str) -> None:
        """Train, and serve the new model if it took the old one's place; one training at a time."""
        with self._training:
            with self._noting:
                self._waiting.discard(project)
                self._fresh[project] = 0
            before, self.outcome = self.version, "running"
            try:
                self._train(project)
                self.load()
                self.outcome = f"{self.version} serves now" if self.version != before else f"{before} stays: no better one"
            except Exception as error:  # whatever it is, the old model goes on serving
                self.outcome = f"failed, {before} stays: {' '.join(str(error).split()) or type(error).__name__}"
            _say(f"training for project {project}: {self.outcome}")

    def _train(self, project: str) -> None:
        known = (os.environ[URL], os.environ.get(KEY, "")) if URL in os.environ else self.servers.get(project)
        if not known:
            raise StudioError(f"its server is not known yet; open a task of it once, or set {URL} and {KEY}")
        _, faults = pull_corpus(Studio.connect(*known), int(project), self.corpus, self.tagger.scheme)
        for fault in faults:
            _say(fault)
        config, folder = self.config or self.folder / "train_config.yaml", self.folder.resolve()
        if not (folder / "split.json").is_file():
            raise StudioError(f"{folder} is no model that can be trained on; serve the folder that python -m train has made")
        attached = (yaml.safe_load(config.read_text(encoding="utf-8")).get("data") or {}).get("attached") or []
        corpora = ",".join(dict.fromkeys([*attached, str(self.corpus)]))
        command = [sys.executable, "-m", "train", str(config), "--if-better", f"data.attached=[{corpora}]"]
        command += [f"name={folder.name}", f"output_dir={folder.parent}"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _, said = self._process.communicate()
        if self._process.returncode:
            raise ConfigError(" ".join(said.split("\n")[-4:]) or f"exit code {self._process.returncode}")


def make_app(backend: Backend) -> "FastAPI":
    """Return the web application: the requests Label Studio 1.23 makes."""
    from fastapi import FastAPI

    app = FastAPI(title="newsvoice ML backend", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP", "model_version": backend.version, "training": backend.outcome}

    @app.post("/setup")
    def setup(body: dict[str, Any]) -> dict[str, str]:
        project = _project(body.get("project"))
        backend.servers[project] = (str(body.get("hostname") or ""), str(body.get("access_token") or ""))
        try:
            check_view(str(body.get("schema") or "<View/>"), backend.tagger.scheme, project)
        except UserError as error:
            _say(str(error))
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


@lru_cache(maxsize=64)
def _predictions(tagger: "Tagger", article: Article, sentences: tuple[Sentence, ...]) -> "list[Prediction]":
    """Tag a whole article once for all the tasks that are of it."""
    [tagged] = tagger.tag_split([(article, sentences)])
    return [prediction for _, prediction in tagged.sentences]


def _project(given: object) -> str:
    """Return a project's number: Label Studio writes 10 or "10.1795309653"."""
    return str(given or "").partition(".")[0]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""Train behind Label Studio's page: pull new annotations, train in a separate process, serve the new model if it is better.

    newsvoice serve --label-studio --model models/artifacts/mine --train-after 100

A training starts when somebody presses *Start training* in Label Studio, or after N new annotations. It pulls the project only
from the server that the user has named (LABEL_STUDIO_URL, or the one that `newsvoice studio start` runs), and replaces the
model only by one that is better on the validation split (`python -m train --if-better`). While it runs, and if it fails, the
old model is served. GET /health says how the last training ended.
"""

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labels.errors import ConfigError, StudioError
from labels.files import INSTALLED, located
from labels.studio.connect import connect
from labels.studio.pull import CORPUS, pull_corpus
from models.serve import command

NEW_ANSWERS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")


def add_to(verbs: Any) -> None:
    """Add `serve`, which can train, to the commands of `newsvoice`."""
    parser = command.add_to(verbs, _retrainer)
    options = parser.add_argument_group("training behind Label Studio's page")
    options.add_argument("--config", type=Path, help="how to train (default: as the model was trained)")
    options.add_argument(
        "--corpus", type=Path, default=CORPUS, metavar="FOLDER", help="where annotations are written (default: %(default)s)"
    )
    options.add_argument(
        "--train-after", type=int, default=0, metavar="N", help="train after N new annotations (default: never)"
    )


def _retrainer(arguments: argparse.Namespace) -> "Retrainer":
    return Retrainer(arguments.model, arguments.config, arguments.corpus, arguments.train_after)


@dataclass
class Retrainer:
    """Trains on the annotations of projects, one training at a time.

    Attributes:
        folder: the artifact that is served and may be replaced.
        config: how to train; None means as the model was trained.
        corpus: folder that annotations are pulled into.
        train_after: number of new answers in a project that start a training; 0 means never.
        outcome: how the last training ended.
    """

    folder: Path
    config: Path | None
    corpus: Path
    train_after: int
    outcome: str = "none yet"
    _new_answers: dict[str, int] = field(default_factory=dict)  # project: answers since its last training
    _waiting: set[str] = field(default_factory=set)  # projects whose training has not begun
    _state_lock: threading.Lock = field(default_factory=threading.Lock)  # for the two above
    _training_lock: threading.Lock = field(default_factory=threading.Lock)
    _process: "subprocess.Popen[str] | None" = None

    def handle_event(self, action: str, project: str, answers: int, reload: Callable[[], str]) -> None:
        """Count a project's new answers, and start a training if it is due and none of the project is waiting already.

        The arguments are those of models.serve.backend.BackgroundTrainer.
        """
        with self._state_lock:
            if action in NEW_ANSWERS:
                self._new_answers[project] = self._new_answers.get(project, 0) + answers
            is_due = action == "START_TRAINING" or 0 < self.train_after <= self._new_answers.get(project, 0)
            if not is_due or project in self._waiting:
                return
            self._waiting.add(project)
        threading.Thread(target=self._train_and_reload, args=(project, reload), daemon=True).start()

    def stop(self) -> None:
        """End the training that is running, if any; the next one goes on from its last finished epoch."""
        if self._process:
            self._process.terminate()

    def _train_and_reload(self, project: str, reload: Callable[[], str]) -> None:
        """Train, and serve the model that is in the folder then: the new one if it is better."""
        from models.artifact import model_version

        with self._training_lock:
            with self._state_lock:
                self._waiting.discard(project)
                self._new_answers[project] = 0
            before, self.outcome = "the old model", "running"
            try:
                before = model_version(self.folder)
                self.train(project)
                version = reload()
                self.outcome = f"{version} serves now" if version != before else f"{before} stays: the new one is no better"
            except Exception as error:  # whatever it is, the old model is still served
                self.outcome = f"failed, {before} stays: {' '.join(str(error).split()) or type(error).__name__}"
            print(f"training for project {project}: {self.outcome}", file=sys.stderr, flush=True)

    def train(self, project: str) -> None:
        """Pull a project's annotations and train on them.

        Raises:
            StudioError: no server is known, or the folder is no model that `python -m train` has made.
            ConfigError: the training failed.
        """
        from labels.scheme import load_scheme
        from train.config import load_config

        folder = located(self.folder).resolve()
        if not (folder / "split.json").is_file():
            raise StudioError(f"{folder}: holds no split.json; to train, serve a folder that python -m train has made")
        path = self.config or folder / "train_config.yaml"
        config = load_config(path)
        _, faults = pull_corpus(connect(), int(project), self.corpus, load_scheme(config.data.scheme))
        for fault in faults:
            print(fault, file=sys.stderr, flush=True)
        corpora = ",".join(dict.fromkeys(map(str, [*config.data.attached, self.corpus])))
        changes = [f"data.attached=[{corpora}]", f"name={folder.name}", f"output_dir={folder.parent}"]
        self._run([str(path), "--if-better", *changes])

    def _run(self, arguments: list[str]) -> None:
        """Run `python -m train` of this installation, whatever modules lie in the current folder."""
        path = os.pathsep.join(filter(None, (str(INSTALLED), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "train", *arguments],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        _, stderr = self._process.communicate()
        if self._process.returncode:
            raise ConfigError(" ".join(stderr.split("\n")[-4:]) or f"exit code {self._process.returncode}")

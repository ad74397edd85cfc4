"""The loop behind Label Studio's page: pull, train in a process of its own, take over what is better.

    newsvoice serve --label-studio --model models/artifacts/mine --train-after 100

START_TRAINING, or so many new annotations, pulls the project from the server that the user has named (LABEL_STUDIO_URL, or the
one that `newsvoice studio start` runs) and trains; the model is replaced only by one that is better on the validation split
(`python -m train --if-better`). While that runs, and if it fails, the old model serves; GET /health says how the last training
ended.
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

NEW = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")


def add_to(verbs: Any) -> None:
    """Add `serve`, able to train, to the commands of the command line."""
    parser = command.add_to(verbs, _retrainer)
    options = parser.add_argument_group("training behind Label Studio's page")
    options.add_argument("--config", type=Path, help="how to train (default: as the model was trained)")
    options.add_argument("--corpus", type=Path, default=CORPUS, metavar="FOLDER", help="annotations go there")
    options.add_argument(
        "--train-after", type=int, default=0, metavar="N", help="train after N new annotations (default: never)"
    )


def _retrainer(arguments: argparse.Namespace) -> "Retrainer":
    return Retrainer(arguments.model, arguments.config, arguments.corpus, arguments.train_after)


@dataclass
class Retrainer:
    """Trains on a project's annotations, one training at a time.

    Attributes:
        folder: of the model that is served and may be replaced.
        config: how to train; None is how the model was trained.
        corpus: folder that annotations are pulled into.
        train_after: new answers of a project; 0 is never.
        outcome: how the last training ended.
    """

    folder: Path
    config: Path | None
    corpus: Path
    train_after: int
    outcome: str = "none yet"
    _fresh: dict[str, int] = field(default_factory=dict)  # project: answers since its last training
    _waiting: set[str] = field(default_factory=set)  # projects whose training has not begun
    _noting: threading.Lock = field(default_factory=threading.Lock)
    _training: threading.Lock = field(default_factory=threading.Lock)
    _process: "subprocess.Popen[str] | None" = None

    def hear(self, action: str, project: str, answers: int, reload: Callable[[], str]) -> None:
        """Take note of what happened in a project, and train if it is time; a training that waits already is enough."""
        with self._noting:
            if action in NEW:
                self._fresh[project] = self._fresh.get(project, 0) + answers
            due = action == "START_TRAINING" or 0 < self.train_after <= self._fresh.get(project, 0)
            if not due or project in self._waiting:
                return
            self._waiting.add(project)
        threading.Thread(target=self._replace, args=(project, reload), daemon=True).start()

    def stop(self) -> None:
        """End a training that runs; what it has finished is kept, and the next one goes on from there."""
        if self._process:
            self._process.terminate()

    def _replace(self, project: str, reload: Callable[[], str]) -> None:
        """Train, and serve the new model if it took the old one's place."""
        from models.artifact import model_version

        with self._training:
            with self._noting:
                self._waiting.discard(project)
                self._fresh[project] = 0
            before, self.outcome = model_version(self.folder), "running"
            try:
                self.train(project)
                version = reload()
                self.outcome = f"{version} serves now" if version != before else f"{before} stays: no better one"
            except Exception as error:  # whatever it is, the old model goes on serving
                self.outcome = f"failed, {before} stays: {' '.join(str(error).split()) or type(error).__name__}"
            print(f"training for project {project}: {self.outcome}", file=sys.stderr, flush=True)

    def train(self, project: str) -> None:
        """Pull a project's annotations and train on them.

        Raises:
            StudioError: no server is known, or the folder holds no model that can be trained on.
            ConfigError: the training failed.
        """
        from labels.scheme import load_scheme
        from train.config import load_config

        folder = located(self.folder).resolve()
        if not (folder / "split.json").is_file():
            raise StudioError(f"{folder} is no model that can be trained on; serve the folder that python -m train has made")
        path = self.config or folder / "train_config.yaml"
        config = load_config(path)
        _, faults = pull_corpus(connect(), int(project), self.corpus, load_scheme(config.data.scheme))
        for fault in faults:
            print(fault, file=sys.stderr, flush=True)
        corpora = ",".join(dict.fromkeys(map(str, [*config.data.attached, self.corpus])))
        changes = [f"data.attached=[{corpora}]", f"name={folder.name}", f"output_dir={folder.parent}"]
        self._run([str(path), "--if-better", *changes])

    def _run(self, arguments: list[str]) -> None:
        """Run `python -m train` of this very project, whatever modules lie in the current folder."""
        path = os.pathsep.join(filter(None, (str(INSTALLED), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "train", *arguments],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        _, said = self._process.communicate()
        if self._process.returncode:
            raise ConfigError(" ".join(said.split("\n")[-4:]) or f"exit code {self._process.returncode}")

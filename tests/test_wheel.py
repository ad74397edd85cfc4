"""The wheel as somebody has it who has no checkout: what is in it, what comes with it, and where its command runs."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from labels.articles import read_articles
from labels.scheme import load_scheme
from models import Tagger
from models.onnx.export import export
from tests.conftest import ROOT

PACKAGES = ("labels", "models", "train")
NAMESAKES = ("models", "labels", "train", "scripts")  # modules that may lie in somebody's folder, and are not ours
LOCAL = (
    "labels/corpus/attached/real/articles.jsonl",
    "labels/corpus/studio/sentences.jsonl",
    "models/artifacts/default/x.json",
)
SITE_MB = 315
TEXT = "Bridge to close for a year\nThe council voted on Friday.\n“It is a disgrace,” said the mayor of Tolland.\n"

Done = subprocess.CompletedProcess[str]


def call(*command: object, cwd: Path = ROOT) -> Done:
    """Run a command as a user would whose shell knows nothing of this checkout."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the checkout; in the copy stand things that users make in their checkouts."""
    folder = tmp_path_factory.mktemp("wheel")

    def left_out(path: str, names: list[str]) -> set[str]:
        made = {name for name in names if name in ("__pycache__", "artifacts", "attached")}
        at_top = {name for name in names if name[0] == "." or name in ("build", "dist") or name.endswith(".egg-info")}
        return made | (at_top if Path(path) == ROOT else set())

    source = shutil.copytree(ROOT, folder / "source", ignore=left_out)
    for name in LOCAL:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("{}", encoding="utf-8")
    done = call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", source)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = (folder / "dist").iterdir()
    return path


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, with nothing optional, in an environment of its own; return the environment's programs."""
    folder = tmp_path_factory.mktemp("clean")
    assert call(sys.executable, "-m", "venv", folder).returncode == 0
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = (programs / "python", "-m", "pip", "--disable-pip-version-check")
    probe = call(*pip, "download", "--no-deps", "--retries", "0", "--timeout", "20", "--dest", folder / "probe", "filelock")
    if probe.returncode:
        pytest.skip(f"THE WHEEL IS NOT TRIED: no package registry can be reached: {probe.stderr.splitlines()[-1]}")
    done = call(*pip, "install", "--constraint", ROOT / "constraints.txt", wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    return programs


@pytest.fixture(scope="session")
def exported(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in eight bits, which needs no torch."""
    folder = tmp_path_factory.mktemp("exported") / "int8"
    export(artifact, folder, int8=True)
    return folder


@pytest.fixture(params=["wheel", "checkout"])
def newsvoice(request: pytest.FixtureRequest) -> Path:
    """The command of the wheel, and the one of the editable install that runs these tests."""
    programs: Path = request.getfixturevalue("clean") if request.param == "wheel" else Path(sys.executable).parent
    return programs / "newsvoice"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with an article, and with modules that have the names of ours and cannot be imported."""
    (tmp_path / "article.txt").write_text(TEXT, encoding="utf-8")
    for name in NAMESAKES:
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('this is not newsvoice/{name}')\n", encoding="utf-8")
    return tmp_path


def files_of(folder: str, pattern: str) -> set[str]:
    paths = (path.relative_to(ROOT) for path in (ROOT / folder).glob(pattern))
    return {path.as_posix() for path in paths if (ROOT / path).is_file() and not {"__pycache__", "artifacts"} & {*path.parts}}


def test_the_wheel_holds_every_module_and_what_they_read(wheel: Path):
    names = set(ZipFile(wheel).namelist())
    modules = {"newsvoice.py"}.union(*(files_of(name, "**/*.py") for name in PACKAGES))
    assert {name for name in names if name.endswith(".py")} == modules
    shipped = {"labels/scheme.yaml", "labels/guidelines.md", *(f"{name}/py.typed" for name in PACKAGES)}
    shipped |= files_of("labels/samples", "*") | files_of("labels/corpus", "*") | files_of("labels/corpus/fiction", "*")
    shipped |= files_of("labels/corpus/real", "*") | files_of("models", "*.jinja") | files_of("models/formats/templates", "*")
    shipped |= {f"train/{name}" for name in files_of("configs", "*.yaml")}
    assert shipped - names == set()


def test_the_wheel_holds_nothing_else(wheel: Path):
    """Neither scripts nor tests, and nothing that its builder has trained, attached or annotated."""
    names = ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {*PACKAGES, "newsvoice.py"}
    assert set(LOCAL) & set(names) == set()


def test_the_clean_environment_has_no_torch_and_stays_small(clean: Path, capsys: pytest.CaptureFixture[str]):
    listed = call(clean / "python", "-m", "pip", "list", "--format", "json", "--disable-pip-version-check")
    packages = {row["name"].lower() for row in json.loads(listed.stdout)}
    assert "newsvoice" in packages
    assert packages & {"torch", "transformers", "datasets", "scikit-learn", "label-studio-sdk", "fastapi", "ray"} == set()
    site = Path(call(clean / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    sizes = {folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) for folder in site.iterdir()}
    size = sum(sizes.values()) / 1e6
    largest = ", ".join(f"{name} {sizes[name] / 1e6:.0f}" for name in sorted(sizes, key=sizes.__getitem__)[:-7:-1])
    with capsys.disabled():
        print(f"\nthe clean environment takes {size:.0f} MB: {largest} ...")
    assert size < SITE_MB, largest


def test_version_and_help(newsvoice: Path, elsewhere: Path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    done = call(newsvoice, "--version", cwd=elsewhere)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"newsvoice {version}\n", "")
    done = call(newsvoice, "--help", cwd=elsewhere)
    assert (done.returncode, done.stderr) == (0, "")
    verbs = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ") and line[4] != " "}
    assert verbs >= {"tag", "serve", "tag-archive", "export", "train", "studio"}


def test_an_article_is_tagged_as_in_the_checkout(newsvoice: Path, elsewhere: Path, exported: Path):
    done = call(newsvoice, "tag", "article.txt", "--model", exported, "--format", "jsonl", cwd=elsewhere)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    [article] = read_articles([str(elsewhere / "article.txt")])
    expected = Tagger.load(exported).tag(article).sentences
    assert [(row["text"], row["label"]) for row in rows] == [(s.text, p.label) for s, p in expected]
    assert len(rows) == 3
    assert {row["label"] for row in rows} <= set(load_scheme().names)


def test_the_samples_are_found_from_anywhere(newsvoice: Path, elsewhere: Path, exported: Path):
    done = call(newsvoice, "tag", "labels/samples", "--model", exported, "--format", "jsonl", cwd=elsewhere)
    assert (done.returncode, done.stderr) == (0, "")
    tagged = {json.loads(line)["article"] for line in done.stdout.splitlines()}
    assert tagged == {path.stem for path in (ROOT / "labels/samples").iterdir()}

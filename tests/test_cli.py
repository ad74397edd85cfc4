"""`python -m models` as people call it."""

import csv
import html
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from labels.articles import read_articles
from labels.scheme import LabelScheme
from models.__main__ import main
from tests.conftest import ROOT, Run

SAMPLES = ROOT / "labels/samples"
FIELDS = ["article", "index", "start", "end", "text", "label", "probability", "probabilities", "abstained"]


@pytest.fixture(scope="module")
def jsonl(run: Run, artifact: Path) -> list[dict[str, Any]]:
    done = run("models", str(SAMPLES), "--model", str(artifact), "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_jsonl_has_one_object_a_sentence(jsonl: list[dict[str, Any]]):
    texts = {article.id: article.text for article in read_articles([str(SAMPLES)])}
    assert {row["article"] for row in jsonl} == set(texts)
    for row in jsonl:
        assert list(row) == FIELDS
        assert texts[str(row["article"])][row["start"] : row["end"]] == row["text"]


def test_every_format_says_the_same(
    artifact: Path, jsonl: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("json", "csv", "parquet", "html"):
        given = [str(SAMPLES), "--model", str(artifact), "-o", str(tmp_path / f"out.{name}")]
        monkeypatch.setattr("sys.argv", ["models", *given])
        assert main() == 0
    labels = [row["label"] for row in jsonl]
    articles = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [s["label"] for article in articles for s in article["sentences"]] == labels
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))
    assert [row["label"] for row in rows] == labels
    assert float(rows[0]["probability_fact"]) == jsonl[0]["probabilities"]["fact"]
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    spans = re.findall(r'<span class="s l(\d) p\d([^"]*)" tabindex="0".*?<span class="words">(.*?)</span>', page, re.DOTALL)
    names = list(jsonl[0]["probabilities"])
    shown = [(names[int(number)], "unsure" in classes.split(), html.unescape(text)) for number, classes, text in spans]
    assert sorted(shown) == sorted((row["label"], row["abstained"], row["text"]) for row in jsonl)  # outlets have another order
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["label"].to_pylist() == labels
    assert table["start"].to_pylist() == [row["start"] for row in jsonl]


def test_the_terminal_view_shows_every_sentence(run: Run, artifact: Path, jsonl: list[dict[str, Any]], scheme: LabelScheme):
    done = run("models", str(SAMPLES / "daily-trumpeter.txt"), "--model", str(artifact))
    assert done.returncode == 0, done.stderr
    assert "\x1b[" not in done.stdout  # no colour codes where it is no terminal
    shown: list[tuple[str, bool, str]] = []
    for line in done.stdout.splitlines():
        if re.match(r".{18}[? ] *\d+% ", line):
            shown.append((line[:18].strip(), line[18] == "?", line[24:].strip()))
        elif shown and line[:24].isspace():  # the sentence goes on
            shown[-1] = (*shown[-1][:2], f"{shown[-1][2]} {line.strip()}")
    assert shown == [
        (scheme.label(row["label"]).title, row["abstained"], " ".join(row["text"].split()))
        for row in jsonl
        if row["article"] == "daily-trumpeter"
    ]
    assert "? = the model abstains" in done.stdout


def test_standard_input_is_read(run: Run, artifact: Path):
    text = "Bridge to close\n\n“Enough!” Ms. Haddad said.".encode()
    done = run("models", "-", "--model", str(artifact), "--format", "jsonl", stdin=text)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["Bridge to close", "“Enough!” Ms. Haddad said."]


def test_given_sentences_keep_their_order(run: Run, artifact: Path):
    rows = [{"id": f"a{n}", "title": "T", "sentences": [f"Sentence {i} of {n}. And more" for i in range(n)]} for n in (3, 1, 2)]
    stdin = "\n".join(map(json.dumps, rows)).encode()
    done = run("models", "-", "--sentences", "--model", str(artifact), "--format", "jsonl", stdin=stdin)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["article"], row["index"], row["text"]) for row in found] == [
        (row["id"], i, text) for row in rows for i, text in enumerate(row["sentences"])
    ]


def test_help_is_quick_and_imports_no_torch(run: Run):
    for package in ("train", "models"):
        run(package, "--help")
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            done = run(package, "--help")
            seconds.append(time.perf_counter() - start)
        assert done.returncode == 0
        assert "python -m " + package in done.stdout
        assert min(seconds) < 1
    script = "import sys, models, train, newsvoice, train.__main__, train.retrain; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


BAD = {
    "missing file": (["nowhere.txt"], "nowhere.txt: no such file or folder"),
    "folder without articles": (["configs"], "configs: no article in this folder"),
    "pattern without a file": (["*.nothing"], "*.nothing: no file matches"),
    "model folder without a model": (["labels/samples", "--model", "configs"], "configs: no trained model here"),
    "output folder that is not there": (["labels/samples", "-o", "/nowhere/out.html"], "/nowhere is not there"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_calls_exit_2_with_one_line(run: Run, case: str):
    arguments, message = BAD[case]
    done = run("models", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_bad_standard_input_is_refused(run: Run):
    for stdin, message in ((b"", "is empty"), (b"\xff\xfe", "is not UTF-8"), (b"{broken", "standard input:1: not valid JSON")):
        done = run("models", "-", stdin=stdin)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


@pytest.mark.parametrize("target", ["/dev/full", "/sys/kernel/out.html"])
def test_what_cannot_be_written_is_told_and_leaves_nothing(run: Run, artifact: Path, target: str):
    if not Path(target).parent.is_dir() or (target == "/dev/full" and not Path(target).exists()):
        pytest.skip(f"no such place on this system: {target}")
    done = run("models", str(SAMPLES), "--model", str(artifact), "--format", "html", "-o", target)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_refused_write_leaves_the_old_file(run: Run, artifact: Path, tmp_path: Path):
    (tmp_path / "out.html").write_text("old")
    (tmp_path / "a.txt").write_text("***")
    done = run("models", str(tmp_path / "a.txt"), "--model", str(artifact), "-o", str(tmp_path / "out.html"))
    assert done.returncode == 2
    assert (tmp_path / "out.html").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "out.html"]


@pytest.mark.parametrize(
    ("arguments", "module", "extra"),
    [
        (["serve"], "uvicorn", "serve"),
        (["train", "configs/tiny.yaml"], "omegaconf", "train"),
        (["studio", "status", "Tunnel"], "label_studio_sdk", "studio"),
        (["tag-archive", "labels/samples", "nowhere", "--model", "MODEL"], "pyarrow", "archive"),
        (["labels/samples", "--model", "MODEL"], "torch", "train"),
    ],
)
def test_a_command_whose_library_is_missing_names_what_to_install(
    run: Run, artifact: Path, tmp_path: Path, arguments: list[str], module: str, extra: str
):
    words = [str(artifact) if word == "MODEL" else str(tmp_path / word) if word == "nowhere" else word for word in arguments]
    named = {"LABEL_STUDIO_URL": "http://127.0.0.1:1", "LABEL_STUDIO_API_KEY": "x"}
    code = f"import sys; sys.modules[{module!r}] = None; from newsvoice import main; sys.exit(main({words!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | named, capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert f"{module} is not installed; this needs: pip install 'newsvoice[{extra}]'" in done.stderr

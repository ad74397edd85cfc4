"""Tagging an archive: what goes in comes out once, whatever happens meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from filelock import FileLock
from pyarrow import parquet

from labels.articles import archive
from labels.articles.archive import plan, read_shard
from labels.errors import ArticleError
from models import Tagger
from models.__main__ import main
from scripts.bench.archive import _differences
from tests.conftest import ROOT, Run

TEXTS = ["The bridge closed on Monday.\nRepairs take a week.", "“We saw it coming,” the mayor said."]


def write_jsonl(path: Path, count: int) -> Path:
    rows = [{"id": f"a{n}", "outlet": f"o{n % 3}", "text": f"{TEXTS[n % 2]} It was day {n}."} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def tag(source: Path, out: Path, model: Path, *more: str) -> int:
    return main(["tag-archive", str(source), str(out), "--model", str(model), *more])


def sentences(out: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = parquet.read_table(out / "sentences").to_pylist()
    return sorted(rows, key=lambda row: (str(row["article"]), row["index"]))


def errors(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (out / "errors.jsonl").read_text(encoding="utf-8").splitlines()]


def test_jsonl_parquet_and_pages_say_the_same(tmp_path: Path, artifact: Path):
    lines = write_jsonl(tmp_path / "articles.jsonl", 7)
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "articles.parquet", row_group_size=3)
    pages = tmp_path / "pages"
    pages.mkdir()
    for row in rows:
        (pages / f"{row['id']}.txt").write_text(row["text"], encoding="utf-8")
    found = {}
    for source in (lines, tmp_path / "articles.parquet", pages):
        out = tmp_path / f"out-{source.suffix}"
        assert tag(source, out, artifact, "--part", "2") == 0
        found[source.suffix] = [(Path(str(r["article"])).stem, r["text"], r["label"], r["probability"]) for r in sentences(out)]
        assert errors(out) == []
    assert found[".jsonl"] == found[".parquet"] == found[""]
    assert len({name for name, *_ in found[""]}) == 7


def test_bad_articles_are_named_and_stop_nothing(tmp_path: Path, artifact: Path):
    source = write_jsonl(tmp_path / "articles.jsonl", 2)
    bad = [b'{"id": "none"}', b"{broken", b'{"text": "Share this"}', b'{"text": "\xff"}', b'{"text": 7}', b"[]"]
    source.write_bytes(source.read_bytes() + b"\n\n" + b"\n".join(bad) + b"\n" + json.dumps({"text": TEXTS[0]}).encode())
    assert tag(source, tmp_path / "out", artifact, "--part", "3") == 0
    assert {row["article"] for row in sentences(tmp_path / "out")} == {"a0", "a1", f"{source}:11"}
    assert [row["place"] for row in errors(tmp_path / "out")] == [f"{source}:{number}" for number in range(5, 11)]
    assert "not UTF-8" in errors(tmp_path / "out")[3]["error"]


def test_a_shard_begins_at_its_own_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = write_jsonl(tmp_path / "articles.jsonl", 40)
    monkeypatch.setattr(archive, "SHARD_BYTES", 300)
    shards = list(plan(source))
    assert len(shards) > 5
    entries = [entry for shard in shards for entry in read_shard(shard)]
    assert [entry.place for entry in entries] == [f"{source}:{number}" for number in range(1, 41)]
    assert [entry.read().id for entry in entries] == [f"a{n}" for n in range(40)]
    assert sum(entry.size for entry in entries) == source.stat().st_size


def test_what_was_killed_goes_on_and_ends_as_if_nothing_had_happened(tmp_path: Path, artifact: Path):
    source = write_jsonl(tmp_path / "articles.jsonl", 400)
    with source.open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    assert tag(source, tmp_path / "whole", artifact, "--part", "5") == 0
    out = tmp_path / "out"
    command = [sys.executable, "-m", "models", "tag-archive", str(source), str(out), "--model", str(artifact), "--part", "5"]
    done = 0
    for stop in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
        while len(list(out.glob("sentences/*.parquet"))) < done + 10:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(stop)
        process.communicate()
        assert process.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
        done = len(list(out.glob("sentences/*.parquet")))
        assert done < 80
    kept = {path: path.stat().st_mtime_ns for path in out.glob("sentences/*.parquet")}
    assert tag(source, out, artifact, "--part", "5") == 0
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    assert sentences(out) == sentences(tmp_path / "whole")
    assert errors(out) == errors(tmp_path / "whole") != []


def test_another_work_is_not_mixed_in(tmp_path: Path, artifact: Path, capsys: pytest.CaptureFixture[str]):
    source = write_jsonl(tmp_path / "articles.jsonl", 3)
    assert tag(source, tmp_path / "out", artifact) == 0
    assert tag(source, tmp_path / "out", artifact, "--part", "2") == 2
    assert "begun with another part (200, now 2); name another folder" in capsys.readouterr().err
    with source.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"text": TEXTS[0]}) + "\n")
    assert tag(source, tmp_path / "out", artifact) == 2
    assert "another state of the input" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    assert tag(source, tmp_path / "full", artifact) == 2
    assert tag(tmp_path / "nowhere", tmp_path / "new", artifact) == 2
    assert not (tmp_path / "new").exists()


def test_outlets_are_compared_by_their_articles(tmp_path: Path, run: Run):
    rows = [
        {"outlet": outlet, "article": f"{outlet}{n}", "label": label}
        for outlet, labels in (("Post", ["fact", "fact", "fact", "skip"]), ("Sun", ["fact", "editorial_framing"]))
        for n in range(6)
        for label in labels
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "tagged.parquet")
    done = run("scripts.outlets", str(tmp_path / "tagged.parquet"), "--picture", str(tmp_path / "outlets.png"))
    assert done.returncode == 0, done.stderr
    assert "| Post | 6 | 18 | 100% (100%–100%) | 0% (0%–0%) |" in done.stdout
    assert "| Sun | 6 | 12 | 50% (50%–50%) |" in done.stdout
    assert (tmp_path / "outlets.png").read_bytes().startswith(b"\x89PNG")
    done = run("scripts.outlets", str(tmp_path / "tagged.parquet"), "--at-least", "7")
    assert (done.returncode, "no outlet has 7 articles" in done.stderr) == (2, True)
    assert run("scripts.outlets", str(ROOT / "README.md")).returncode == 2
    parquet.write_table(pa.Table.from_pylist([rows[0] | {"label": "weather"}]), tmp_path / "other.parquet")
    assert "has labels weather" in run("scripts.outlets", str(tmp_path / "other.parquet")).stderr


def test_one_broken_file_or_row_stops_no_other(tmp_path: Path, artifact: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.parquet").write_bytes(b"PAR1 no")
    parquet.write_table(pa.table({"body": ["x"]}), folder / "b.parquet")
    raw = pa.array([b"The \xff closed on Monday.", TEXTS[0].encode()])
    odd = pa.StringArray.from_buffers(2, raw.buffers()[1], raw.buffers()[2])
    parquet.write_table(pa.table({"text": odd}), folder / "c.parquet")
    (folder / "d.txt").symlink_to(folder / "nowhere")
    write_jsonl(folder / "e.jsonl", 3)
    assert tag(folder, tmp_path / "out", artifact) == 0
    places = [Path(row["place"]).name for row in errors(tmp_path / "out")]
    assert [place.partition(",")[0] for place in places] == ["a.parquet", "b.parquet", "c.parquet", "d.txt"]
    assert {Path(str(row["place"])).name for row in sentences(tmp_path / "out")} == {
        "c.parquet, row 1", "e.jsonl:1", "e.jsonl:2", "e.jsonl:3",
    }  # fmt: skip


def test_an_article_that_cannot_be_tagged_stops_no_other(tmp_path: Path, artifact: Path, monkeypatch: pytest.MonkeyPatch):
    plain = Tagger.tag_split

    def faulty(self: Tagger, articles: Any, progress: Any = None) -> Any:
        if any("day 2." in article.text for article, _ in articles):
            raise RuntimeError("day 2")
        return plain(self, articles, progress)

    monkeypatch.setattr(Tagger, "tag_split", faulty)
    source = write_jsonl(tmp_path / "articles.jsonl", 5)
    assert tag(source, tmp_path / "out", artifact) == 0
    assert [row["error"] for row in errors(tmp_path / "out")] == [f"{source}:3: RuntimeError: day 2"]
    assert {row["article"] for row in sentences(tmp_path / "out")} == {"a0", "a1", "a3", "a4"}


def test_a_line_without_end_is_one_error(tmp_path: Path, artifact: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MAX_LINE", 1000)
    source = write_jsonl(tmp_path / "articles.jsonl", 2)
    source.write_bytes(json.dumps({"text": TEXTS[0] * 100}).encode() + b"\n" + source.read_bytes())
    assert tag(source, tmp_path / "out", artifact) == 0
    assert [row["place"] for row in errors(tmp_path / "out")] == [f"{source}:1"]
    assert {row["place"] for row in sentences(tmp_path / "out")} == {f"{source}:2", f"{source}:3"}


def test_where_there_is_nothing_to_tag_nothing_is_written(tmp_path: Path, artifact: Path, capsys: pytest.CaptureFixture[str]):
    source = write_jsonl(tmp_path / "articles.jsonl", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.csv").write_text("text\nA bridge.")
    for given, out, said in (
        (tmp_path, tmp_path / "inside", "lies inside"),
        (tmp_path / "empty", tmp_path / "out", "no article in this folder"),
        (tmp_path / "x.csv", tmp_path / "out", "is none of"),
    ):
        assert tag(given, out, artifact) == 2
        assert said in capsys.readouterr().err
        assert not out.exists()
    assert source.exists()


def test_two_runs_do_not_write_to_one_place(tmp_path: Path, artifact: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    out.mkdir()
    with FileLock(out / ".lock"):
        assert tag(write_jsonl(tmp_path / "articles.jsonl", 1), out, artifact) == 2
    assert "another run writes there" in capsys.readouterr().err


def test_a_ray_cluster_tags_the_same_though_a_node_is_killed(tmp_path: Path, artifact: Path):
    """Two nodes of one core; one is killed with work in its hands."""
    from ray.cluster_utils import Cluster

    source, plain, out = tmp_path / "in", tmp_path / "plain", tmp_path / "out"
    source.mkdir()
    for number in range(6):
        write_jsonl(source / f"{number}.jsonl", 60)
    assert tag(source, plain, artifact, "--part", "10") == 0
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 10**8})
    try:
        second = cluster.add_node(num_cpus=1, object_store_memory=10**8)
        cluster.wait_for_nodes()
        command = [sys.executable, "-m", "models", "tag-archive", str(source), str(out), "--model", str(artifact)]
        run = subprocess.Popen(
            [*command, "--part", "10", "--engine", "ray"],
            env={**os.environ, "RAY_ADDRESS": cluster.address},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        nodes: set[str] = set()
        while len(nodes) < 2:  # both nodes have written something, of different shards
            assert run.poll() is None
            time.sleep(0.05)
            nodes = {path.name.partition("-")[0] for path in (out / "sentences").glob("*.parquet")}
        cluster.remove_node(second, allow_graceful=False)
        _, said = run.communicate(timeout=200)
    finally:
        cluster.shutdown()
    assert run.returncode == 0, said
    assert sentences(out) == sentences(plain)
    assert len({row["place"] for row in sentences(out)}) == 360


def test_a_comparison_of_two_results_counts_rows_that_differ_or_are_missing(tmp_path: Path):
    rows = [{"place": "a:1", "index": index, "label": "fact"} for index in range(6)]
    results = {"whole": rows, "other": [*rows[:2], rows[2] | {"label": "skip"}, *rows[3:]], "short": rows[:1] + rows[2:]}
    for name, found in (results | {"double": [*rows, rows[3]]}).items():
        (tmp_path / name / "sentences").mkdir(parents=True)
        for number, part in enumerate((found[:4], found[4:])):  # in two files, as an archive is
            parquet.write_table(pa.Table.from_pylist(part), tmp_path / name / f"sentences/{number}.parquet")
    assert [_differences(tmp_path / "whole", tmp_path / name) for name in ("whole", "other", "short", "double")] == [0, 1, 1, 1]


def test_a_file_that_has_become_shorter_meanwhile_is_told(tmp_path: Path):
    source = write_jsonl(tmp_path / "articles.jsonl", 40)
    [shard] = plan(source)
    source.write_bytes(source.read_bytes()[:1000])
    with pytest.raises(ArticleError, match="has become shorter"):
        list(read_shard(shard))

"""The Label Studio loop against a real server, started here, and its real page in Chromium."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labels.annotations import AnnotatedArticle, read_corpus
from labels.articles import Article, read_articles, split
from labels.errors import StudioError
from labels.scheme import LabelScheme
from labels.studio import local_server
from labels.studio.pull import pull_corpus
from labels.studio.server import KEY, URL, Studio
from labels.studio.tasks import sentence_result, sentence_tasks
from labels.studio.views import sentence_view
from models import Tagger
from models.artifact import model_version
from models.serve.command import CREDENTIALS
from tests.conftest import CHROMIUM, ROOT, Run, free_port
from tests.studio_page import labelling_page
from train.active import margin

SAMPLES = ["labels/samples/passline-news-agency.txt", "labels/samples/daily-trumpeter.txt"]
Server = dict[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an empty database, migrated once and kept beside its environment."""
    prepared, data = local_server.CACHE / "prepared", tmp_path_factory.mktemp("studio") / "data"
    if not prepared.is_dir():
        local_server.start(data, free_port())
        local_server.stop(data)
        shutil.copytree(data, prepared.with_suffix(".new"), dirs_exist_ok=True)
        prepared.with_suffix(".new").rename(prepared)
    else:
        shutil.copytree(prepared, data)
    yield local_server.start(data, free_port()) | {"data": str(data)}
    local_server.stop(data)


@pytest.fixture(scope="module")
def studio(server: Server) -> Studio:
    return Studio.connect(server[URL], server[KEY])


@pytest.fixture
def cli(server: Server, run: Run) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `newsvoice studio ...`, or `python -m scripts.NAME`, against the server."""

    def go(name: str, *words: object) -> subprocess.CompletedProcess[str]:
        module = ["newsvoice", "studio"] if name == "studio" else [f"scripts.{name}"]
        return run(*module, *map(str, words), env=os.environ | server)

    return go


@pytest.fixture
def project(studio: Studio, scheme: LabelScheme, request: pytest.FixtureRequest) -> int:
    """A project of the test's own, for two annotators."""
    return studio.create(request.node.name[:50], sentence_view(scheme), "", 2)


def tasks_of(articles: list[Article], event: str = "") -> list[dict[str, Any]]:
    return [data for article in articles for data in sentence_tasks(article, split(article), event)]


def annotate(studio: Studio, task: int, label: str, who: int = 1) -> int:
    return int(studio.client.annotations.create(id=task, result=sentence_result(label), completed_by=who, lead_time=3.0).id)


def numbers(studio: Studio, project: int) -> list[int]:
    return sorted(task["id"] for task in studio.tasks(project))


def votes(corpus: list[AnnotatedArticle]) -> dict[str, dict[str, str]]:
    """Return {text: {annotator: label}}."""
    return {s.sentence.text: {v.annotator: v.label for v in s.votes} for a in corpus for s in a.sentences if s.votes}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: Label Studio's page is not driven")
def test_what_is_done_in_the_page_is_what_comes_back(
    server: Server, studio: Studio, cli: Any, scheme: LabelScheme, tmp_path: Path
):
    done = cli("studio", "create", "In the page")
    assert done.returncode == 0, done.stderr
    assert cli("studio", "push", "In the page", *SAMPLES, "--event", "tunnel").returncode == 0
    project = studio.find("In the page")
    texts = {task["id"]: task["data"]["text"] for task in studio.tasks(project)}
    expected: dict[str, str] = {}
    keys = {label.hotkey: label.name for label in scheme.labels}
    with labelling_page(server, project) as page:
        for key in "12340123":  # by key
            expected[texts[page.task]] = keys[key]
            page.press(key, keys[key])
            assert page.chosen == [keys[key]]
            page.submit()
        for label in ("fact", "condition", "editorial_framing", "skip"):  # by mouse
            expected[texts[page.task]] = label
            page.click(label)
            page.submit()
        page.skip()
        first, second = (number for number, text in sorted(texts.items()) if text in list(expected)[:2])
        page.open(first)
        page.page.wait_for_selector(".lsf-choices input:checked")  # its answer is loaded, and a key is not lost
        page.press("3", "condition")
        page.update()
        expected[texts[first]] = "condition"
        page.open(second)
        page.delete()
        del expected[texts[second]]
    done = cli("studio", "pull", "In the page", "--corpus", tmp_path)
    assert done.returncode == 0, done.stderr
    corpus = read_corpus(tmp_path, scheme)
    assert votes(corpus) == {text: {"annotator-1": label} for text, label in expected.items()}
    assert {a.event for a in corpus} == {"tunnel"}
    assert all(v.seconds for a in corpus for s in a.sentences for v in s.votes)


def test_two_annotators_a_model_and_its_suggestions_in_the_page(
    server: Server, studio: Studio, cli: Any, run: Run, scheme: LabelScheme, tiny_config: Path, tmp_path: Path
):
    articles = [replace(a, id=f"{a.id}-{n}") for n, a in enumerate(read_articles(SAMPLES))]
    number = studio.create("Two annotators", sentence_view(scheme), "", 2)
    studio.push(number, tasks_of(articles))
    second = studio.client.users.create(username="two", email="two@example.com", password="a-Long-one-2").id
    tasks = numbers(studio, number)[:30]
    for place, task in enumerate(tasks):
        annotate(studio, task, scheme.names[place % 4], 1)
        annotate(studio, task, scheme.names[place % 4 if place % 3 else (place + 1) % 4], second)
    done = cli("studio", "pull", "Two annotators", "--corpus", tmp_path / "corpus")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'corpus'}: 2 articles, 20 sentences labelled, 10 to be reviewed")
    done = cli("agreement", tmp_path / "corpus")
    assert f"annotator-1 and annotator-{second}: 30 sentences, same label 66.7%" in done.stdout
    done = cli("studio", "status", "Two annotators")
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:3]] == [
        [f"annotator-{who}", "30", str(len(studio.tasks(number)) - 30)] for who in (1, second)
    ]
    folder = tmp_path / "models"
    retrained = run("train", str(tiny_config), f"data.attached=[{tmp_path / 'corpus'}]", f"output_dir={folder}", "name=again")
    assert retrained.returncode == 0, retrained.stderr
    done = cli("studio", "predict", "Two annotators", "--model", folder / "again")
    assert done.returncode == 0, done.stderr
    assert f": {len(studio.tasks(number))} suggestions added, 0 were there" in done.stdout
    assert ": 0 suggestions added" in cli("studio", "predict", "Two annotators", "--model", folder / "again").stdout
    done = cli("studio", "review", "Two annotators, disputed", "--corpus", tmp_path / "corpus")
    assert done.stdout.startswith("10 tasks added"), done.stderr
    if CHROMIUM:
        last = studio.tasks(number, "all")[-1]
        [prediction] = last["predictions"]
        with labelling_page(server, number) as page:
            page.open(last["id"])
            page.page.wait_for_selector(".lsf-choices input:checked")
            assert page.chosen == prediction["result"][0]["value"]["choices"]


def test_disputed_sentences_are_decided_in_a_project_of_their_own(
    studio: Studio, cli: Any, scheme: LabelScheme, tmp_path: Path
):
    project = studio.create("Dispute", sentence_view(scheme), "", 2)
    studio.push(project, tasks_of(read_articles(SAMPLES[:1])))
    first, second = numbers(studio, project)[:2]
    other = studio.client.users.create(username="three", email="three@example.com", password="a-Long-one-3").id
    for task, labels in ((first, ("fact", "skip")), (second, ("fact", "fact"))):
        for who, label in zip((1, other), labels, strict=True):
            annotate(studio, task, label, who)
    assert "1 sentences labelled, 1 to be reviewed" in cli("studio", "pull", "Dispute", "--corpus", tmp_path).stdout
    assert cli("studio", "review", "Dispute, review", "--corpus", tmp_path).returncode == 0
    [disputed] = studio.tasks(studio.find("Dispute, review"))
    assert "annotator-1: fact" in disputed["data"]["headline"]
    annotate(studio, disputed["id"], "skip")
    assert "2 sentences labelled, 0 to be reviewed" in cli("studio", "pull", "Dispute, review", "--corpus", tmp_path).stdout
    [article] = read_corpus(tmp_path, scheme)
    assert {s.label for s in article.sentences} == {"skip", "fact", None}


HOSTILE = [
    '<script>alert("x")</script> said <b>the mayor</b> & “others”; see <img src=x onerror=alert(1)>.',
    "أعلن الرئيس يوم الثلاثاء أن الخط سيعاد فتحه قريبا، وقال: «لن ننتظر».",
    "The mayor 👩🏽‍⚖️ waved 🇱🇺 and said: “👍🏻 done” — naïve café, e\u0301.",
    "Long " + "word, " * 664 + "and so it ends at last.",
]


def test_any_text_comes_back_unchanged_with_its_offsets(studio: Studio, project: int, scheme: LabelScheme, tmp_path: Path):
    article = Article("hostile", "\n".join(HOSTILE), title="<i>T</i>")
    sentences = split(article)
    assert max(len(s.text) for s in sentences) > 3900
    studio.push(project, tasks_of([article]))
    for task in studio.tasks(project):
        text = task["data"]["text"]
        start = len(text) - 6
        mark = {"from_name": "span", "to_name": "text", "type": "labels"}
        result = [*sentence_result("fact"), mark | {"value": {"start": start, "end": start + 4, "labels": ["source"]}}]
        studio.client.annotations.create(id=task["id"], result=result, completed_by=1)
    [pulled], faults = pull_corpus(studio, project, tmp_path, scheme)
    assert not faults
    assert (pulled.article, [s.sentence for s in pulled.sentences]) == (article, sentences)
    for labeled in read_corpus(tmp_path, scheme)[0].sentences:
        [span] = labeled.spans
        assert article.text[span.start : span.end] == labeled.sentence.text[-6:-2]


def test_pushing_again_adds_nothing_and_pulling_again_fetches_little(
    studio: Studio, project: int, scheme: LabelScheme, tmp_path: Path
):
    tasks = tasks_of(read_articles(SAMPLES))
    assert studio.push(project, tasks[:20]) == 20
    assert studio.push(project, tasks) == len(tasks) - 20
    assert studio.push(project, tasks) == 0
    assert len(studio.tasks(project)) == len(tasks)
    first = numbers(studio, project)[0]
    kept = annotate(studio, first, "fact")
    pull_corpus(studio, project, tmp_path, scheme)
    studio.client.annotations.update(id=kept, result=sentence_result("skip"))
    [article], _ = pull_corpus(studio, project, tmp_path, scheme)
    assert [s.label for s in article.sentences][:2] == ["skip", None]
    studio.client.tasks.delete(str(first))
    assert pull_corpus(studio, project, tmp_path, scheme) == ([], [])
    assert not (tmp_path / "articles.jsonl").exists()


def test_doubles_of_an_interrupted_push_go_and_annotated_ones_stay(studio: Studio, project: int):
    tasks = tasks_of(read_articles(SAMPLES[:1]))
    for _ in range(2):
        studio.client.projects.import_tasks(project, request=[{"data": data} for data in tasks])
    annotated = numbers(studio, project)[-1]
    annotate(studio, annotated, "fact")
    assert studio.push(project, tasks) == 0
    assert len(studio.tasks(project)) == len(tasks)
    assert annotated in numbers(studio, project)


def test_a_time_out_is_waited_out_and_nothing_is_sent_twice(studio: Studio, project: int, monkeypatch: pytest.MonkeyPatch):
    """The answer to the first import is lost on its way, after the server has done the work."""
    import httpx

    sent: list[int] = []
    send = type(studio.client.projects).import_tasks

    def lose(self: Any, *given: Any, **named: Any) -> Any:
        answer = send(self, *given, **named)
        sent.append(len(named["request"]))
        if len(sent) == 1:
            raise httpx.ReadTimeout("lost")
        return answer

    monkeypatch.setattr(type(studio.client.projects), "import_tasks", lose)
    tasks = tasks_of([replace(a, id=f"{a.id}-{n}") for n in range(6) for a in read_articles(SAMPLES)])
    assert studio.push(project, tasks) == len(tasks) == sum(sent) > 250
    assert len(studio.tasks(project)) == len(tasks)


def test_a_push_that_is_killed_is_finished_by_the_next(
    server: Server, studio: Studio, cli: Any, scheme: LabelScheme, many: Path
):
    number, pushing = _half_pushed("Killed push", server, studio, scheme, many)
    pushing.kill()
    pushing.communicate()
    done = cli("studio", "push", "Killed push", many)
    assert not done.stdout.startswith("0 tasks added")
    assert ", 0 were there" not in done.stdout
    tasks = studio.tasks(number)
    assert len({task["data"]["uid"] for task in tasks}) == len(tasks) > 5000


def test_labels_that_nobody_knows_are_named(studio: Studio, project: int, scheme: LabelScheme, tmp_path: Path):
    studio.push(project, tasks_of(read_articles(SAMPLES[:1])))
    first, second = numbers(studio, project)[:2]
    annotate(studio, first, "opinion")
    annotate(studio, second, "fact")
    corpus, faults = pull_corpus(studio, project, tmp_path, scheme)
    assert faults == [f"task {first}, annotator-1: unknown label 'opinion', left out; the scheme has {', '.join(scheme.names)}"]
    assert len(votes(corpus)) == 1


def test_what_goes_wrong_is_said_in_one_line(server: Server, studio: Studio, cli: Any, scheme: LabelScheme):
    def refusal(*words: str) -> str:
        done = cli("studio", *words)
        assert (done.returncode, len(done.stderr.splitlines()), done.stderr[:7]) == (2, 1, "error: ")
        return str(done.stderr)

    number = studio.create("Wrong", sentence_view(scheme), "", 1)
    assert "has a project 'Wrong'; push to that one, or choose another title" in refusal("create", "Wrong")
    studio.client.projects.update(number, label_config=sentence_view(scheme).replace('value="fact"', 'value="Fact"'))
    assert "its labelling interface offers Fact, quoted_claim" in refusal("push", "Wrong", SAMPLES[0])
    assert not studio.tasks(number)
    studio.client.projects.delete(number)
    with pytest.raises(StudioError, match=f"project {number} is gone; create one"):
        studio.push(number, tasks_of(read_articles(SAMPLES[:1])))
    assert "no project 'Wrong'; give the number of one (there:" in refusal("push", "Wrong", SAMPLES[0])
    with pytest.raises(StudioError, match="does not take this token; copy yours"):
        Studio.connect(server[URL], "0" * 40)
    with pytest.raises(StudioError, match="no Label Studio answers there"):
        Studio.connect(f"http://127.0.0.1:{free_port()}", "0" * 40)


def test_a_personal_access_token_does_as_well(server: Server, studio: Studio):
    key = studio.client.tokens.create().token
    assert Studio.connect(server[URL], key).find(str(studio.client.projects.create(title="Token").id))


@pytest.fixture
def many(tmp_path: Path, corpus: list[AnnotatedArticle]) -> Path:
    """Articles with five thousand sentences or so."""
    path, size = tmp_path / "many.jsonl", 0
    rows = []
    for annotated in corpus:
        rows.append(json.dumps({"id": annotated.article.id, "text": annotated.article.text}))
        size += len(split(annotated.article))
        if size > 5000:
            break
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_a_server_killed_while_pushing_and_pulling_loses_nothing(
    server: Server, studio: Studio, cli: Any, scheme: LabelScheme, many: Path, tmp_path: Path, record_property: Any
):
    data, port = Path(server["data"]), int(server[URL].rpartition(":")[2])
    number, pushing = _half_pushed("Killed", server, studio, scheme, many)
    _kill(data)
    _, said = pushing.communicate(timeout=60)
    assert pushing.returncode == 2
    assert "no Label Studio answers there" in said
    local_server.start(data, port)
    started = time.monotonic()
    assert cli("studio", "push", "Killed", many).returncode == 0
    record_property("push_seconds", round(time.monotonic() - started, 1))
    tasks = studio.tasks(number)
    assert len({task["data"]["uid"] for task in tasks}) == len(tasks) > 5000
    annotate(studio, tasks[0]["id"], "fact")
    folder = tmp_path / "corpus"
    started = time.monotonic()
    assert cli("studio", "pull", "Killed", "--corpus", folder).returncode == 0
    record_property("pull_seconds", round(time.monotonic() - started, 1))
    before = read_corpus(folder, scheme)
    annotate(studio, tasks[1]["id"], "fact")
    shutil.rmtree(folder / "raw")  # so that there is much to fetch
    pulling = _started(server, "pull", "Killed", "--corpus", str(folder))
    log = data / "server.log"
    seen = log.stat().st_size
    while b"page=2" not in log.read_bytes()[seen:]:  # it is reading page after page
        assert pulling.poll() is None
        time.sleep(0.05)
    _kill(data)
    _, said = pulling.communicate(timeout=60)
    assert pulling.returncode == 2
    assert "run the same command again" in said
    assert read_corpus(folder, scheme) == before
    local_server.start(data, port)
    assert cli("studio", "pull", "Killed", "--corpus", folder).returncode == 0
    assert len(votes(read_corpus(folder, scheme))) == 2


def _started(server: Server, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "newsvoice", "studio", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | server, stderr=subprocess.PIPE, text=True)


def _half_pushed(
    title: str, server: Server, studio: Studio, scheme: LabelScheme, articles: Path
) -> tuple[int, "subprocess.Popen[str]"]:
    """Return a project and the push that has brought its first tasks there."""
    number = studio.create(title, sentence_view(scheme), "", 1)
    pushing = _started(server, "push", title, str(articles))
    while not studio.client.projects.get(number).task_number:
        assert pushing.poll() is None
        time.sleep(0.05)
    return number, pushing


def _kill(data: Path) -> None:
    os.killpg(int((data / "server.pid").read_text()), signal.SIGKILL)


def test_the_next_batch_is_what_the_model_is_least_sure_of(studio: Studio, cli: Any, scheme: LabelScheme, artifact: Path):
    number = studio.create("Next", sentence_view(scheme), "", 1)
    given = ["next_batch", "Next", "labels/samples", "--model", artifact, "--size", "12", "--per-article", "4"]
    assert cli(*given).stdout.startswith("12 tasks added")
    chosen: dict[str, list[int]] = {}
    for task in studio.tasks(number, "all"):
        chosen.setdefault(task["data"]["article"], []).append(task["data"]["index"])
        assert task["predictions"][0]["model_version"] == model_version(artifact)
    tagger = Tagger.load(artifact)
    for article in read_articles(["labels/samples"]):
        if places := chosen.get(article.id):
            margins = margin(tagger.probabilities([[s.text for s in split(article)]])[0])
            assert len(places) <= 4
            assert margins[places].max() <= np.sort(margins)[len(places) + 1]  # one may be a twin of another
    assert len(chosen) == 3
    assert cli(*given).stdout.startswith("12 tasks added")
    assert len(studio.tasks(number)) == 24


def test_label_errors_are_pushed_decided_and_pulled_back(
    studio: Studio, cli: Any, scheme: LabelScheme, tiny_config: Path, small_corpus: Path, tmp_path: Path
):
    done = cli(
        "find_label_errors", tiny_config, "training.num_train_epochs=1", "--folds", 2, "--push", "Read again", "--most", 5
    )
    assert done.stdout.splitlines()[-1].startswith("5 tasks added"), done.stderr
    tasks = studio.tasks(studio.find("Read again"))
    assert all("gold label: " in task["data"]["headline"] for task in tasks)
    suspect = tasks[0]["data"]
    shutil.copytree(small_corpus, tmp_path / "corpus")
    before = {a.article.id: a for a in read_corpus(tmp_path / "corpus", scheme)}
    assert before[suspect["article"]].sentences[suspect["index"]].label in suspect["headline"]
    annotate(studio, tasks[0]["id"], "skip")
    assert cli("studio", "pull", "Read again", "--corpus", tmp_path / "corpus").returncode == 0
    for annotated in read_corpus(tmp_path / "corpus", scheme):
        for old, new in zip(before[annotated.article.id].sentences, annotated.sentences, strict=True):
            is_suspect = (annotated.article.id, old.sentence.index) == (suspect["article"], suspect["index"])
            assert new.label == ("skip" if is_suspect else old.label)
            assert new.votes[: len(old.votes)] == old.votes


def test_the_model_served_to_label_studio_suggests_trains_and_is_replaced(
    server: Server, studio: Studio, scheme: LabelScheme, run: Run, tiny_config: Path, tmp_path: Path
):
    folder, port = tmp_path / "models", free_port()
    given = [f"output_dir={folder}", "name=served"]
    assert run("train", str(tiny_config), *given, "training.max_steps=1").returncode == 0
    log = tmp_path / "backend.log"
    command = [
        sys.executable,
        "-m",
        "newsvoice",
        "serve",
        "--label-studio",
        "--model",
        str(folder / "served"),
        "--port",
        str(port),
    ]
    command += ["--config", str(tiny_config), "--corpus", str(tmp_path / "pulled"), "--train-after", "5"]
    with log.open("w") as file:
        named = {URL: server[URL], KEY: server[KEY], CREDENTIALS: "studio:secret"}
        backend = subprocess.Popen(command, cwd=ROOT, stderr=file, env=os.environ | named)
    try:
        _scenario(studio, server, scheme, f"http://127.0.0.1:{port}", folder / "served")
    finally:
        backend.terminate()
        backend.wait(30)
    said = log.read_text(encoding="utf-8")
    assert "serves now" in said
    assert server[KEY] not in said


def _scenario(studio: Studio, server: Server, scheme: LabelScheme, url: str, folder: Path) -> None:
    _until(lambda: _health(url).get("status") == "UP")
    old = _health(url)["model_version"]
    number = studio.create("Backend", sentence_view(scheme), "", 1)
    studio.push(number, tasks_of(read_articles(SAMPLES[:1])))
    with_password = url.replace("http://", "http://studio:secret@")  # the form for name and password does not reach webhooks
    registered = studio.client.ml.create(project=number, url=with_password, title="newsvoice")
    first, *others = numbers(studio, number)
    if CHROMIUM:
        with labelling_page(server, number) as page:
            page.open(first)
            page.page.wait_for_selector(".lsf-choices input:checked")
            assert page.chosen[0] in scheme.names
    for task in others[:5]:
        annotate(studio, task, "fact")
    _until(lambda: "serves now" in _health(url)["training"])
    new = _health(url)["model_version"]
    assert new != old
    if CHROMIUM:
        with labelling_page(server, number) as page:
            page.page.wait_for_selector(".lsf-choices input:checked")
            shown = [p for task in studio.tasks(number, "all") if task["id"] == page.task for p in task["predictions"]]
            assert new in {prediction["model_version"] for prediction in shown}
    (folder / "config.json").rename(folder / "config.away")
    studio.client.ml.train(registered.id)
    _until(lambda: "failed" in _health(url)["training"])
    assert _health(url)["model_version"] == new


def _health(url: str) -> dict[str, str]:
    import urllib.request

    try:
        request = urllib.request.Request(
            f"{url}/health", headers={"Authorization": f"Basic {b64encode(b'studio:secret').decode()}"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            found: dict[str, str] = json.loads(response.read())
            return found
    except OSError:
        return {}


def _until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.5)

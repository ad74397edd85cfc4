"""The annotations of record are what their card says."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from labels.annotations import AnnotatedArticle, adjudicate, read_corpus
from labels.annotations.standoff import STANDOFF, attach, read_all_labels, read_labels, read_texts
from labels.scheme import LabelScheme
from tests.conftest import ROOT, SHARED_CORPORA, Run

CASES = ROOT / "labels/corpus/cases.yaml"
KINDS = {
    "wire", "tabloid", "state", "partisan-left", "partisan-right", "analysis", "live-blog", "press-release", "explainer",
    "local", "machine-translated", "scraped",
}  # fmt: skip
NEAR = 0.8  # cosine of character 4-grams; above it, pairs are copies or differ by a word or two


def test_the_original_corpus_is_as_large_and_as_varied_as_it_has_to_be(corpus: list[AnnotatedArticle]):
    counts = Counter(s.label for a in corpus for s in a.sentences)
    assert len(corpus) >= 300
    assert counts.total() >= 6000
    assert counts["condition"] >= 800
    assert counts["editorial_framing"] >= 900
    assert counts["skip"] >= 400
    assert counts.most_common(1)[0][0] == "quoted_claim"
    outlets: dict[str, set[str]] = {}
    for article in corpus:
        outlets.setdefault(article.event, set()).add(article.article.outlet or "")
    assert len(outlets) >= 80
    assert {len(names) for names in outlets.values()} <= {2, 3, 4, 5}
    assert len({article.topic for article in corpus} - {""}) >= 25
    assert {article.kind for article in corpus} >= KINDS


def test_every_sentence_rests_on_two_votes(corpus: list[AnnotatedArticle]):
    for article in corpus:
        for labeled in article.sentences:
            assert len(labeled.votes) >= 2
            assert labeled.label == adjudicate(labeled.votes)
            last = labeled.votes[-1]
            assert last.reason or last.annotator != "adjudicator"
            assert not labeled.inherited or labeled.label == "quoted_claim"


def test_every_hard_case_occurs_in_five_articles(corpus: list[AnnotatedArticle]):
    """labels/corpus/cases.yaml: where each boundary case of the guide stands, with the label the guide gives it."""
    label = {f"{a.article.id}#{s.sentence.index}": s.label for a in corpus for s in a.sentences}
    index = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    for case, entry in index["cases"].items():
        assert len({place.partition("#")[0] for place in entry["sentences"]}) >= 5, case
        for place in entry["sentences"]:
            assert label[place] in entry["labels"], (case, place)
    assert len({tuple(pair) for pair in index["pairs"]}) >= 5
    for claim, plain in index["pairs"]:
        assert claim.partition("/")[0] == plain.partition("/")[0]
        assert label[claim] in ("quoted_claim", "condition")
        assert label[plain] in ("fact", "editorial_framing")


def test_no_near_duplicate_in_two_events_of_the_original_corpus(corpus: list[AnnotatedArticle]):
    """Events are dealt to splits as a whole, so this keeps near-duplicates out of two splits, whatever the seed."""
    assert near_duplicates(corpus, "event") == []


def test_the_real_labels_are_as_many_as_they_have_to_be(scheme: LabelScheme):
    articles = read_all_labels(scheme)
    counts = Counter(row.label for _, a in articles for row in a.rows)
    assert len(articles) >= 200
    assert counts.total() >= 4000
    assert counts["condition"] >= 300
    outlets: dict[tuple[str, str], set[str]] = {}
    splits: dict[tuple[str, str], set[str]] = {}
    for name, article in articles:
        outlets.setdefault((name, article.event), set()).add(article.outlet)
        splits.setdefault((name, article.event), set()).add(article.split)
    assert sum(len(names) >= 2 for names in outlets.values()) >= 50
    assert all(len(names) == 1 for names in splits.values())
    assert sum(len(a.rows) for _, a in articles if a.split == "test") >= 800
    for row in (row for _, a in articles for row in a.rows):
        assert len(row.votes) >= 2
        last = row.votes[-1]
        assert row.label == adjudicate(row.votes)
        assert last.reason or last.annotator != "adjudicator"


@pytest.mark.skipif(not SHARED_CORPORA.is_dir(), reason="the texts of the real articles are not at hand: ../shared/corpora")
def test_every_real_label_finds_its_sentence_and_no_sentence_is_in_two_splits(
    scheme: LabelScheme, corpus: list[AnnotatedArticle]
):
    real = []
    for path in sorted(STANDOFF.glob("*.jsonl")):
        articles, faults = attach(path.stem, read_labels(path, scheme), read_texts(SHARED_CORPORA / path.name))
        assert faults == []
        real += articles
    assert len(real) == len(read_all_labels(scheme))
    assert near_duplicates([*real, *corpus], "split") == []


def near_duplicates(articles: list[AnnotatedArticle], by: str) -> list[tuple[str, str]]:
    """Return pairs of like sentences of five words or more whose articles differ in `by`; boilerplate repeats by nature."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    sentences = [
        (getattr(a, by) or "train", s.sentence.text)
        for a in articles
        for s in a.sentences
        if s.label != "skip" and len(s.sentence.text.split()) >= 5
    ]
    group = np.array([name for name, _ in sentences])
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), sublinear_tf=True).fit_transform(
        [t for _, t in sentences]
    )
    found = []
    for begin in range(0, len(sentences), 500):
        like = (vectors[begin : begin + 500] @ vectors.T).tocoo()
        for row, column in zip(like.row[like.data > NEAR] + begin, like.col[like.data > NEAR], strict=True):
            if row < column and group[row] != group[column]:
                found.append((sentences[row][1], sentences[column][1]))
    return found


@pytest.mark.skipif(not SHARED_CORPORA.is_dir(), reason="the texts of the real articles are not at hand: ../shared/corpora")
def test_attaching_writes_a_corpus_and_says_what_does_not_match(run: Run, scheme: LabelScheme, tmp_path: Path):
    texts = tmp_path / "wikinews.jsonl"
    lines = (SHARED_CORPORA / texts.name).read_text(encoding="utf-8").splitlines(keepends=True)
    labelled = read_labels(STANDOFF / texts.name, scheme)
    command = ("scripts.attach_corpus", "--corpus", "wikinews", "--from", str(texts), "--to", str(tmp_path))
    texts.write_text("".join(lines), encoding="utf-8")
    assert run(*command).returncode == 0
    assert len(read_corpus(tmp_path / "wikinews", scheme)) == len(labelled)
    changed = [line.replace('"text": "', '"text": "Not ') if f'"{labelled[0].doc}"' in line else line for line in lines]
    texts.write_text("".join(changed), encoding="utf-8")
    done = run(*command)
    assert done.returncode == 1
    assert (
        f"wikinews {labelled[0].doc}: {len(labelled[0].rows)} of {len(labelled[0].rows)} sentences differ in these texts"
        in done.stderr
    )
    assert len(read_corpus(tmp_path / "wikinews", scheme)) == len(labelled) - 1

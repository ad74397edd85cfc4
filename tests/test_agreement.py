from pathlib import Path

import pytest

from labels.annotations import AnnotatedArticle, Annotation, LabeledSentence, write_corpus
from labels.annotations.agreement import agreement, report
from labels.scheme import LabelScheme
from tests.conftest import Run


def voted(*votes: tuple[str, str]) -> list[Annotation]:
    return [Annotation(name, "model", label) for name, label in votes]


def test_agreement_as_computed_by_hand(scheme: LabelScheme):
    """Ten sentences: 4 fact-fact, 3 claim-claim, 2 fact-claim, 1 claim-fact; kappa and alpha by hand."""
    pairs = [("fact", "fact")] * 4 + [("quoted_claim", "quoted_claim")] * 3
    pairs += [("fact", "quoted_claim")] * 2 + [("quoted_claim", "fact")]
    sentences = [voted(("ada", a), ("bo", b), ("adjudicator", "skip")) for a, b in pairs]
    [found] = agreement([*sentences, voted(("ada", "fact"))])
    assert (found.first, found.second, found.n) == ("ada", "bo", 10)
    assert found.observed == pytest.approx(0.7)
    # both give fact .6 and .5, claim .4 and .5: chance .5
    assert found.kappa == pytest.approx((0.7 - 0.5) / 0.5)
    # 11 facts and 9 claims among 20 votes: expected disagreement 2 * 11 * 9 / (20 * 19)
    assert found.alpha == pytest.approx(1 - 0.3 / (2 * 11 * 9 / (20 * 19)))
    assert found.per_label == pytest.approx({"fact": 8 / 11, "quoted_claim": 6 / 9})
    assert found.confusion["fact", "quoted_claim"] == 2
    assert "Cohen's kappa 0.400" in report(found, scheme)


def test_annotators_who_share_no_sentence_are_not_compared():
    assert agreement([voted(("ada", "fact")), voted(("bo", "fact"))]) == []


def test_agreement_by_command(run: Run, corpus: list[AnnotatedArticle], tmp_path: Path):
    done = run("scripts.agreement", "labels/corpus/fiction")
    assert done.returncode == 0, done.stderr
    assert f"author and second: {sum(len(a.sentences) for a in corpus)} sentences" in done.stdout
    done = run("scripts.agreement", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "no such file" in done.stderr
    alone = [LabeledSentence(s.sentence, s.label, s.votes[:1]) for s in corpus[0].sentences]
    write_corpus(tmp_path, [AnnotatedArticle(corpus[0].article, "e", "wire", tuple(alone))])
    done = run("scripts.agreement", str(tmp_path))
    assert done.returncode == 2
    assert "no sentence has two annotators' votes" in done.stderr

import json
from pathlib import Path

import pytest
from transformers import pipeline

from labels.articles import Article, read_articles
from labels.articles.article import place_sentences
from labels.errors import ArticleError, ArtifactError
from labels.scheme import LabelScheme
from models import Tagger
from tests.conftest import ROOT, SHARED_ARTICLES

SENTENCES = [
    "The council voted on Friday to close the bridge.",
    "“It is a disgrace,” said the mayor.",
    "Subscribe to our newsletter",
]


@pytest.fixture(scope="module")
def tagger(artifact: Path) -> Tagger:
    return Tagger.load(artifact)


def test_an_article_is_tagged_sentence_by_sentence(tagger: Tagger, scheme: LabelScheme):
    article = Article("a", "\n".join(SENTENCES))
    tagged = tagger.tag(article)
    assert [sentence.text for sentence, _ in tagged.sentences] == SENTENCES
    for sentence, prediction in tagged.sentences:
        assert article.text[sentence.start : sentence.end] == sentence.text
        assert set(prediction.probabilities) == set(scheme.names)
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-3)
        assert prediction.probabilities[prediction.label] == prediction.probability == max(prediction.probabilities.values())
    assert tagged.sentences[2][1].label == "skip"
    assert tagged.sentences[2][1].probability == 1
    assert sum(tagged.counts.values()) == 3


def test_it_abstains_below_its_threshold_only(tagger: Tagger):
    threshold = tagger.abstain_below
    assert 0 < threshold < 1
    articles = read_articles([str(ROOT / "labels/samples")])
    predictions = [p for tagged in tagger.tag_all(articles) for _, p in tagged.sentences]
    assert {p.abstained for p in predictions} == {True, False}
    assert all(p.abstained == (p.probability < threshold) for p in predictions if abs(p.probability - threshold) > 1e-4)


def test_tagging_together_is_tagging_alone(tagger: Tagger):
    articles = read_articles([str(ROOT / "labels/samples")])
    together = tagger.tag_all(articles)
    for article, tagged in zip(articles, together, strict=True):
        for (_, alone), (_, beside) in zip(tagger.tag(article).sentences, tagged.sentences, strict=True):
            assert alone.label == beside.label
            assert alone.probability == pytest.approx(beside.probability, abs=1e-3)


def test_given_sentences_keep_their_order_even_if_empty(tagger: Tagger):
    text, sentences = place_sentences("a", ["", *SENTENCES, "***"])
    ((_, *middle, _),) = [tagged.sentences for tagged in tagger.tag_split([(Article("a", text), sentences)])]
    assert [sentence.text for sentence, _ in middle] == SENTENCES


def test_progress_reaches_the_end(tagger: Tagger):
    seen: list[tuple[int, int]] = []
    tagger.tag_all([Article("a", "It rained. Nobody came.")], lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)


@pytest.mark.parametrize("text", ["***\n— — —\n", "Home | News | Sport\nSubscribe to our newsletter"])
def test_an_article_without_a_sentence_is_refused(tagger: Tagger, text: str):
    with pytest.raises(ArticleError, match="a: has no sentence of article text"):
        tagger.tag(Article("a", text))


def test_plain_pipeline_reads_the_artifact(artifact: Path, tagger: Tagger, scheme: LabelScheme):
    """What transformers loads says the same as the Tagger: temperature is in the weights, names are ours."""
    rows = pipeline("text-classification", model=str(artifact), top_k=None)(SENTENCES[:2])
    for row, (_, prediction) in zip(rows, tagger.tag(Article("a", "\n".join(SENTENCES[:2]))).sentences, strict=True):
        assert {entry["label"] for entry in row} == set(scheme.names)
        for entry in row:
            assert entry["score"] == pytest.approx(prediction.probabilities[entry["label"]], abs=1e-4)


def test_a_very_long_article_is_tagged(tagger: Tagger):
    tagged = tagger.tag(Article("a", "Rain fell on the old town all night. " * 3000 + "word " * 5000 + "."))
    assert len(tagged.sentences) == 3001


def test_a_folder_without_weights_is_refused(copied_artifact: Path):
    (copied_artifact / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"holds no model\.safetensors"):
        Tagger.load(copied_artifact)


def test_a_folder_without_a_model_is_refused(tmp_path: Path):
    with pytest.raises(ArtifactError, match="no trained model here; train one with"):
        Tagger.load(tmp_path / "nowhere")


def test_cut_weights_are_refused(copied_artifact: Path):
    weights = copied_artifact / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        Tagger.load(copied_artifact)


def test_a_model_of_another_scheme_is_refused(copied_artifact: Path):
    config = json.loads((copied_artifact / "config.json").read_text(encoding="utf-8"))
    config["id2label"] = {"0": "obj", "1": "subj"}
    (copied_artifact / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ArtifactError, match="trained for another scheme: its labels are obj, subj"):
        Tagger.load(copied_artifact)


def test_a_foreign_model_without_scheme_is_held_against_the_shipped_one(copied_artifact: Path, scheme: LabelScheme):
    (copied_artifact / "scheme.yaml").unlink()
    assert Tagger.load(copied_artifact).scheme == scheme
    config = json.loads((copied_artifact / "config.json").read_text(encoding="utf-8"))
    config["id2label"] |= {"0": "skip", "4": "fact"}
    (copied_artifact / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ArtifactError, match="its labels are skip, quoted_claim, condition, editorial_framing, fact, those of"):
        Tagger.load(copied_artifact)


@pytest.mark.skipif(not SHARED_ARTICLES.is_dir(), reason="the acceptance articles are not at hand: ../shared/articles")
def test_acceptance_articles_show_no_boilerplate_as_reporting(tagger: Tagger):
    """All five in one call; the rules alone must catch these lines, whatever the model thinks."""
    tagged = tagger.tag_all(read_articles([str(SHARED_ARTICLES)]))
    assert len(tagged) == 5
    skipped = [s.text for article in tagged for s, p in article.sentences if p.label == "skip" and p.probability == 1]
    for line in ("REPORTS", "• USD81.50", "DONATEРусский", "News", "Google Chrome Firefox Safari", "Be the first to comment"):
        assert line in skipped
    assert sum(any("а" <= c <= "я" for c in line) for line in skipped) == 2

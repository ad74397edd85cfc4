"""Tag articles sentence by sentence: `Tagger.load(path).tag(article)` → TaggedArticle."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labels.articles.article import Article, Sentence, Split
from labels.articles.boilerplate import find_boilerplate
from labels.articles.splitting import sentences_of
from labels.scheme import LabelScheme
from models.arrays import Floats
from models.artifact import ONNX, broken, read_artifact
from models.calibration import softmax
from models.contexts import ArticleTokenizer, Forward, ModelInput, collate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = 2048  # padded tokens at once: small enough for a processor's cache, large enough to keep it busy


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one sentence; it abstains where it is too unsure to reach the precision promised."""

    label: str
    probability: float
    probabilities: dict[str, float]
    abstained: bool


@dataclass(frozen=True, slots=True)
class TaggedArticle:
    """An article with a prediction for every sentence, and the scheme that explains the labels."""

    article: Article
    sentences: tuple[tuple[Sentence, Prediction], ...]
    scheme: LabelScheme

    @property
    def counts(self) -> dict[str, int]:
        """Sentences of each label, in the scheme's order."""
        found = Counter(prediction.label for _, prediction in self.sentences)
        return {name: found[name] for name in self.scheme.names}


@dataclass(frozen=True)
class Tagger:
    """A trained classifier, ready to tag.

    Attributes:
        forward: the model, from batches of inputs to their logits [batch, (sentences,) labels].
        abstain_below: probability under which it abstains.
        batch_tokens: padded tokens shown to it at once.
    """

    forward: Forward
    tokenizer: ArticleTokenizer
    scheme: LabelScheme
    abstain_below: float = 0.0
    batch_tokens: int = BATCH_TOKENS

    @classmethod
    def load(cls, path: str | Path) -> "Tagger":
        """Load an artifact folder; torch is imported only if its weights are torch's.

        Raises:
            ArtifactError: the folder holds no trained model, a broken one, or one whose labels are not its scheme's.
        """
        artifact = read_artifact(Path(path))
        if artifact.weights.name == ONNX:
            from models.onnx.runtime import ONNX_BATCH_TOKENS, load_onnx

            return cls(*load_onnx(artifact), artifact.scheme, artifact.abstain_below, ONNX_BATCH_TOKENS)
        from models.classifier import load_classifier

        model, tokenizer = load_classifier(artifact)
        try:
            return cls.of(model, tokenizer, artifact.scheme)
        except (AttributeError, OverflowError, ValueError) as error:  # of a tokenizer that is not as models.contexts needs it
            raise broken(artifact.folder, error) from error

    @classmethod
    def of(cls, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", scheme: LabelScheme) -> "Tagger":
        """Make a tagger of a model in memory."""
        from models.classifier import forward_of

        context, abstain_below = getattr(model.config, "context", "single"), getattr(model.config, "abstain_below", 0.0)
        return cls(forward_of(model), ArticleTokenizer.of(tokenizer, context), scheme, abstain_below)

    def tag(self, article: Article) -> TaggedArticle:
        """Split an article and tag its sentences.

        Raises:
            ArticleError: the article has no sentence.
        """
        return self.tag_all([article])[0]

    def tag_all(self, articles: Sequence[Article], progress: Callable[[int, int], None] | None = None) -> list[TaggedArticle]:
        """Tag several articles in one go, which is faster than one by one."""
        return self.tag_split([(article, sentences_of(article)) for article in articles], progress)

    def tag_split(self, articles: Sequence[Split], progress: Callable[[int, int], None] | None = None) -> list[TaggedArticle]:
        """Tag articles whose sentences are given; `progress` is called with (sentences done, all)."""
        found = self.probabilities([[sentence.text for sentence in sentences] for _, sentences in articles], progress)
        return [
            TaggedArticle(
                article,
                tuple((s, self._prediction(row)) for s, row in zip(sentences, rows, strict=True)),
                self.scheme,
            )
            for (article, sentences), rows in zip(articles, found, strict=True)
        ]

    def probabilities(
        self, articles: Sequence[Sequence[str]], progress: Callable[[int, int], None] | None = None
    ) -> list[Floats]:
        """Return for each article, given as its sentences, an array [sentences, labels] of calibrated probabilities.

        Lines that plainly are boilerplate get their label with certainty, if the scheme has one; the model never sees them.
        """
        boilerplate = self.scheme.boilerplate_label
        known = [find_boilerplate(texts) if boilerplate else [not text.strip() for text in texts] for texts in articles]
        shown = [[t for t, f in zip(texts, flags, strict=True) if not f] for texts, flags in zip(articles, known, strict=True)]
        results: list[Floats] = []
        for flags, logits in zip(known, self.logits(shown, progress), strict=True):
            rows = np.full((len(flags), len(self.scheme.names)), 1 / len(self.scheme.names))
            if boilerplate:
                rows[:] = np.eye(len(self.scheme.names))[self.scheme.label2id[boilerplate]]
            rows[~np.array(flags, dtype=bool)] = softmax(logits)
            results.append(rows)
        return results

    def logits(self, articles: Sequence[Sequence[str]], progress: Callable[[int, int], None] | None = None) -> list[Floats]:
        """Return for each article an array [sentences, labels] of the model's raw scores, every sentence shown to it."""
        rows = [(number, row) for number, texts in enumerate(articles) for row in self.tokenizer.encode(texts)]
        results: list[Floats] = [np.zeros((len(texts), len(self.scheme.names))) for texts in articles]
        done, total = 0, sum(map(len, articles))
        batches = list(batched(rows, self.batch_tokens))
        inputs = (collate([row for _, row in batch], self.tokenizer.pad_id) for batch in batches)
        for batch, found in zip(batches, self.forward(inputs), strict=True):
            for (number, row), scores in zip(batch, found, strict=True):
                results[number][row.targets] = scores[: len(row.targets)] if scores.ndim == 2 else scores
                done += len(row.targets)
            if progress:
                progress(done, total)
        return results

    def _prediction(self, row: Floats) -> Prediction:
        best = int(row.argmax())
        return Prediction(
            label=self.scheme.names[best],
            probability=round(float(row[best]), 4),
            probabilities={name: round(float(p), 4) for name, p in zip(self.scheme.names, row, strict=True)},
            abstained=bool(row[best] < self.abstain_below),
        )


def batched(rows: list[tuple[int, ModelInput]], tokens: int) -> Iterator[list[tuple[int, ModelInput]]]:
    """Group inputs, each with a mark, by similar length, longest first, up to so many padded tokens a group."""
    ordered = sorted(rows, key=lambda item: -item[1].length)
    batch: list[tuple[int, ModelInput]] = []
    for item in ordered:
        if batch and (len(batch) + 1) * batch[0][1].length > tokens:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch

"""Tag articles sentence by sentence: `Tagger.load(path).tag(article)` → TaggedArticle."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labels.articles import Article, Sentence, Split, sentences_of
from labels.articles.boilerplate import find_boilerplate
from labels.scheme import LabelScheme
from models.arrays import Floats
from models.artifact import ONNX, loading_error, read_artifact
from models.calibration import softmax
from models.contexts import ArticleTokenizer, Forward, ModelInput, collate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = 2048  # padded tokens at once: small enough for a processor's cache, large enough to keep it busy
Progress = Callable[[int, int], None]  # takes the number of sentences that are done, and of all


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one sentence; it abstains where it is not sure enough for the precision it was set to."""

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
        """Number of sentences of each label, in the scheme's order."""
        counter = Counter(prediction.label for _, prediction in self.sentences)
        return {name: counter[name] for name in self.scheme.names}


@dataclass(frozen=True)
class Tagger:
    """A trained classifier, ready to tag.

    Attributes:
        forward: the model: batches → their logits, [batch, labels] or, for window, [batch, targets, labels].
        abstain_below: probability under which the model abstains.
        batch_tokens: padded tokens of a batch.
    """

    forward: Forward
    tokenizer: ArticleTokenizer
    scheme: LabelScheme
    abstain_below: float = 0.0
    batch_tokens: int = BATCH_TOKENS

    @classmethod
    def load(cls, path: str | Path) -> "Tagger":
        """Load an artifact folder; torch is imported only if its weights are for torch.

        Raises:
            ArtifactError: the folder holds no trained model, a broken one, or one whose labels are not those of its scheme.
        """
        artifact = read_artifact(Path(path))
        if artifact.weights.name == ONNX:
            from models.onnx.runtime import ONNX_BATCH_TOKENS, load_onnx

            return cls(*load_onnx(artifact), artifact.scheme, artifact.abstain_below, ONNX_BATCH_TOKENS)
        from models.classifier import load_classifier

        model, tokenizer = load_classifier(artifact)
        try:
            return cls.from_model(model, tokenizer, artifact.scheme)
        except (AttributeError, OverflowError, ValueError) as error:  # models.contexts cannot use this tokenizer
            raise loading_error(artifact.folder, error) from error

    @classmethod
    def from_model(cls, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", scheme: LabelScheme) -> "Tagger":
        """Make a tagger of a torch model in memory."""
        from models.classifier import forward_of

        context, abstain_below = getattr(model.config, "context", "single"), getattr(model.config, "abstain_below", 0.0)
        return cls(forward_of(model), ArticleTokenizer.from_transformers(tokenizer, context), scheme, abstain_below)

    def tag(self, article: Article) -> TaggedArticle:
        """Split an article and tag its sentences.

        Raises:
            ArticleError: the article has no sentence.
        """
        return self.tag_all([article])[0]

    def tag_all(self, articles: Sequence[Article], progress: Progress | None = None) -> list[TaggedArticle]:
        """Split and tag several articles together, which is faster than one by one.

        Raises:
            ArticleError: one of them has no sentence.
        """
        return self.tag_split([(article, sentences_of(article)) for article in articles], progress)

    def tag_split(self, articles: Sequence[Split], progress: Progress | None = None) -> list[TaggedArticle]:
        """Tag articles that are split into sentences already."""
        probabilities = self.probabilities([[sentence.text for sentence in sentences] for _, sentences in articles], progress)
        tagged = []
        for (article, sentences), rows in zip(articles, probabilities, strict=True):
            predictions = map(self._prediction, rows)
            tagged.append(TaggedArticle(article, tuple(zip(sentences, predictions, strict=True)), self.scheme))
        return tagged

    def probabilities(self, articles: Sequence[Sequence[str]], progress: Progress | None = None) -> list[Floats]:
        """Return for each article, a list of sentences, an array [sentences, labels] of calibrated probabilities.

        Boilerplate that a rule recognises is not shown to the model: it gets the scheme's label for boilerplate with
        probability 1. If the scheme has no such label, only empty sentences are not shown; they get equal probabilities.
        """
        boilerplate, size = self.scheme.boilerplate_label, len(self.scheme.names)
        if boilerplate:
            skipped = [find_boilerplate(texts) for texts in articles]
            skipped_row = np.eye(size)[self.scheme.label2id[boilerplate]]
        else:
            skipped = [[not text.strip() for text in texts] for texts in articles]
            skipped_row = np.full(size, 1 / size)
        shown = [
            [text for text, is_skipped in zip(texts, flags, strict=True) if not is_skipped]
            for texts, flags in zip(articles, skipped, strict=True)
        ]
        results: list[Floats] = []
        for flags, logits in zip(skipped, self.logits(shown, progress), strict=True):
            rows = np.tile(skipped_row, (len(flags), 1))
            rows[~np.array(flags, dtype=bool)] = softmax(logits)
            results.append(rows)
        return results

    def logits(self, articles: Sequence[Sequence[str]], progress: Progress | None = None) -> list[Floats]:
        """Show every sentence of the articles to the model; return its raw scores, an array [sentences, labels] for each."""
        rows = [(number, row) for number, texts in enumerate(articles) for row in self.tokenizer.encode(texts)]
        results: list[Floats] = [np.zeros((len(texts), len(self.scheme.names))) for texts in articles]
        done, total = 0, sum(map(len, articles))
        batches = list(batched(rows, self.batch_tokens))
        inputs = (collate([row for _, row in batch], self.tokenizer.pad_id) for batch in batches)
        for batch, batch_logits in zip(batches, self.forward(inputs), strict=True):
            for (number, row), scores in zip(batch, batch_logits, strict=True):
                # For window, scores are [targets, labels], and filled up to the row of the batch with the most targets.
                results[number][row.targets] = scores[: len(row.targets)] if scores.ndim == 2 else scores
                done += len(row.targets)
            if progress:
                progress(done, total)
        return results

    def _prediction(self, row: Floats) -> Prediction:
        """Return the prediction for a sentence from its probabilities [labels]."""
        best = int(row.argmax())
        return Prediction(
            label=self.scheme.names[best],
            probability=round(float(row[best]), 4),
            probabilities={name: round(float(p), 4) for name, p in zip(self.scheme.names, row, strict=True)},
            abstained=bool(row[best] < self.abstain_below),
        )


def batched(rows: list[tuple[int, ModelInput]], tokens: int) -> Iterator[list[tuple[int, ModelInput]]]:
    """Group numbered inputs of similar length, the longest first, up to so many padded tokens a group."""
    batch: list[tuple[int, ModelInput]] = []
    for row in sorted(rows, key=lambda numbered: -numbered[1].length):
        if batch and (len(batch) + 1) * batch[0][1].length > tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch

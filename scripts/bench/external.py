"""Score a model against labels that people gave in other projects, for other purposes.

    python -m scripts.bench.external --corpus checkthat --from checkthat.jsonl
    python -m scripts.bench.external --corpus polnear --from polnear.jsonl --model models/artifacts/real
    python -m scripts.bench.external --corpus gum_news --from gum_news.jsonl

checkthat   CLEF CheckThat! 2025, subjectivity in English, macro F1 on dev_test: once for the config's encoder, trained on train
            and dev with the task's two labels; once for the model as it is, where editorial framing counts as SUBJ and all
            other labels as OBJ
polnear     PolNeAR's dev articles, F1 of quoted claim or condition; gold: at least half of the sentence is attributed content
gum_news    GUM's news articles, F1 of quoted claim or condition; gold: a discourse relation of attribution. The sentences that
            the model labels as conditions are printed, for people to read

The rows are JSONL, in article order: {"doc", "text", "source_label"}, for polnear {"split"} too. The results are written to
docs/measured/external.json, which docs/results.md shows.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labels.annotations import AnnotatedArticle, LabeledSentence, write_corpus
from labels.articles import Article
from labels.articles.article import place_sentences
from labels.articles.decoding import json_rows, read_utf8
from labels.commands import DONE, command, execute
from labels.errors import ArticleError
from labels.files import write_whole
from models.arrays import Ints
from scripts.bench.shared import ATTRIBUTED, CONDITION, FRAMING, need_labels
from scripts.tables import MEASURED, external_table

Row = dict[str, Any]
PATH = MEASURED / "external.json"
SUBJECTIVITY = """\
name: subjectivity
labels:
  - {name: OBJ, title: Objective, definition: A sentence that reports.}
  - {name: SUBJ, title: Subjective, definition: A sentence that shows its author's opinion.}
"""


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("--corpus", required=True, choices=list(CHECKS))
    parser.add_argument("--from", dest="rows", required=True, type=Path, metavar="PATH", help="file of the corpus")
    parser.add_argument("--model", type=Path, default=Path("models/artifacts/real"), metavar="DIR", help="default: %(default)s")
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("configs/default.yaml"),
        help="how to train on checkthat (default: %(default)s)",
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="changes to that config")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    read_gold, check = CHECKS[arguments.corpus]
    rows = []
    for number, row in json_rows(read_utf8(arguments.rows), str(arguments.rows)):
        try:
            rows.append(row | {"gold": read_gold(row), "doc": str(row["doc"]), "text": str(row["text"])})
        except (KeyError, TypeError, ValueError) as error:
            reason = f"has no {error}" if isinstance(error, KeyError) else error
            raise ArticleError(f"{arguments.rows}:{number}: {reason}; give the file of {arguments.corpus}") from error
    with_gold = [row for row in rows if row["gold"] is not None]
    if not with_gold:
        raise ArticleError(f"{arguments.rows}: has no rows of the split to score on; give the file of {arguments.corpus}")
    result = check(with_gold, arguments) | {"model": arguments.model.name}
    earlier = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    write_whole(PATH, json.dumps(earlier | {arguments.corpus: result}, indent=1) + "\n")
    print(external_table())
    return DONE


def _is_subjective(row: Row) -> bool:
    if row["source_label"] not in ("SUBJ", "OBJ"):
        raise ValueError(f"source_label {row['source_label']!r} is neither SUBJ nor OBJ")
    if not row["doc"].endswith(("_train", "_dev", "_dev_test")):
        raise ValueError(f"doc {row['doc']!r} is none of train, dev and dev_test")
    return bool(row["source_label"] == "SUBJ")


def _is_attributed_content(row: Row) -> bool | None:
    """Return the gold answer of a row of dev, and None for the other splits, which are not scored."""
    return float(row["source_label"]["content"]) >= 0.5 if row["split"] == "dev" else None


def _has_attribution_relation(row: Row) -> bool:
    return "attribution" in str(row["source_label"]).split("+")


def _score_subjectivity(rows: Sequence[Row], arguments: argparse.Namespace) -> Row:
    """Score subjective against objective: a model trained on the task, the model as it is, and the majority answer."""
    from models import Tagger

    test = [row for row in rows if row["doc"].endswith("dev_test")]
    if not test:
        raise ArticleError(f"{arguments.rows}: has no rows of a doc that ends in dev_test; give the file of checkthat")
    gold = np.array([row["gold"] for row in test])
    tagger = Tagger.load(arguments.model)
    need_labels(tagger.scheme, [FRAMING], str(arguments.model))
    articles = [[row["text"]] for row in test]
    is_framing = _predict(tagger, articles) == tagger.scheme.label2id[FRAMING]
    trained = Tagger.load(_train_subjectivity(rows, arguments))
    return {
        "n": len(gold),
        "config": " ".join([arguments.config.name, *arguments.overrides]),
        "trained": _macro_f1(gold, _predict(trained, articles) == trained.scheme.label2id["SUBJ"]),
        "zero_shot": _macro_f1(gold, is_framing),
        "majority": _macro_f1(gold, np.zeros_like(gold)),
    }


def _train_subjectivity(rows: Sequence[Row], arguments: argparse.Namespace) -> Path:
    """Train on four of five rows of train and dev, with every fifth for validation; return the artifact folder."""
    from train.config import load_config
    from train.run import train

    with tempfile.TemporaryDirectory() as folder:
        scheme, corpus = Path(folder) / "scheme.yaml", Path(folder) / "checkthat"
        scheme.write_text(SUBJECTIVITY, encoding="utf-8")
        articles = []
        for number, row in enumerate(rows):
            name = f"{row['doc']}/{number}"
            text, [sentence] = place_sentences(name, [row["text"]])
            split = "validation" if number % 5 == 0 else "train"
            if row["doc"].endswith("dev_test"):
                split = "test"
            labeled = LabeledSentence(sentence, row["source_label"])
            articles.append(AnnotatedArticle(Article(name, text), name, "", (labeled,), split=split))
        write_corpus(corpus, articles)
        data = [f"data.corpora=[{corpus}]", "data.attached=[]", f"data.scheme={scheme}"]
        config = load_config(arguments.config, [*arguments.overrides, *data, "name=checkthat"])
        return train(config, fresh=True)


def _score_attribution(rows: Sequence[Row], arguments: argparse.Namespace) -> Row:
    """Score whether a sentence is somebody else's words; the model sees whole articles."""
    from sklearn.metrics import precision_recall_fscore_support

    from models import Tagger

    articles: dict[str, list[Row]] = {}
    for row in rows:
        articles.setdefault(row["doc"], []).append(row)
    tagger = Tagger.load(arguments.model)
    need_labels(tagger.scheme, ATTRIBUTED, str(arguments.model))
    predicted = _predict(tagger, [[row["text"] for row in article] for article in articles.values()])
    names = np.array(tagger.scheme.names)[predicted]
    ordered = [row for article in articles.values() for row in article]
    if arguments.corpus == "gum_news":
        for row, name in zip(ordered, names, strict=True):
            if name == CONDITION:
                print(f"{CONDITION}: {row['text']}", file=sys.stderr)
    gold = np.array([row["gold"] for row in ordered])
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, np.isin(names, ATTRIBUTED), average="binary", zero_division=0
    )
    scores = {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
    return {"n": len(gold), "articles": len(articles)} | scores


def _predict(tagger: Any, articles: Sequence[Sequence[str]]) -> Ints:
    """Return the class ids of all sentences, one article after the other."""
    predicted: Ints = np.concatenate(tagger.probabilities(articles)).argmax(axis=1)
    return predicted


def _macro_f1(gold: Ints, predicted: Ints) -> float:
    from sklearn.metrics import f1_score

    return round(float(f1_score(gold, predicted, average="macro")), 4)


# corpus: what reads the gold answer of a row, and what scores the model on the rows
CHECKS: dict[str, tuple[Callable[[Row], bool | None], Callable[[Sequence[Row], argparse.Namespace], Row]]] = {
    "checkthat": (_is_subjective, _score_subjectivity),
    "polnear": (_is_attributed_content, _score_attribution),
    "gum_news": (_has_attribution_relation, _score_attribution),
}

if __name__ == "__main__":
    sys.exit(main())

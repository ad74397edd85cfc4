"""Score a model against labels that other people gave, for purposes of their own.

    python -m scripts.external --corpus checkthat --from checkthat.jsonl
    python -m scripts.external --corpus polnear --from polnear.jsonl --model models/artifacts/real
    python -m scripts.external --corpus gum_news --from gum_news.jsonl

checkthat   CLEF CheckThat! 2025, subjectivity in English, macro F1 on dev_test: the config's encoder trained on train and dev
            with the task's two labels, and the model as it is, its editorial framing read as SUBJ and all else as OBJ
polnear     PolNeAR's dev articles: quoted claim or condition against "at least half of the sentence is attributed content", F1
gum_news    GUM's news articles: quoted claim or condition against a discourse relation of attribution, F1; the sentences the
            model calls conditions are printed, to be read

Rows are JSONL, in article order: {"doc", "text", "source_label"}, for polnear {"split"} too. Results with the model they are of
are kept in scripts/measured/external.json, which the README shows.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labels.annotations.corpus import AnnotatedArticle, LabeledSentence, write_corpus
from labels.articles.article import Article, place_sentences
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
    parser = command(__doc__)
    parser.add_argument("--corpus", required=True, choices=list(CHECKS))
    parser.add_argument("--from", dest="rows", required=True, type=Path, metavar="PATH")
    parser.add_argument("--model", type=Path, default=Path("models/artifacts/real"), metavar="DIR")
    parser.add_argument(
        "--config", type=Path, default=Path("configs/default.yaml"), help="how checkthat's own model is trained"
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="changes to that config")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    read, check = CHECKS[arguments.corpus]
    rows = []
    for number, row in json_rows(read_utf8(arguments.rows), str(arguments.rows)):
        try:
            rows.append(row | {"gold": read(row), "doc": str(row["doc"]), "text": str(row["text"])})
        except (KeyError, TypeError, ValueError) as error:
            reason = f"has no {error}" if isinstance(error, KeyError) else error
            raise ArticleError(f"{arguments.rows}:{number}: {reason}; give the file of {arguments.corpus}") from error
    scored = [row for row in rows if row["gold"] is not None]
    if not scored:
        raise ArticleError(f"{arguments.rows}: has no rows of the split to score on; give the file of {arguments.corpus}")
    found = check(scored, arguments) | {"model": arguments.model.name}
    kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    write_whole(PATH, json.dumps(kept | {arguments.corpus: found}, indent=1) + "\n")
    print(external_table())
    return DONE


def _subjective(row: Row) -> bool:
    if row["source_label"] not in ("SUBJ", "OBJ"):
        raise ValueError(f"source_label {row['source_label']!r} is neither SUBJ nor OBJ")
    if not row["doc"].endswith(("_train", "_dev", "_dev_test")):
        raise ValueError(f"doc {row['doc']!r} is none of train, dev and dev_test")
    return bool(row["source_label"] == "SUBJ")


def _attributed_content(row: Row) -> bool | None:
    """Return the gold answer of a dev row; other splits have none here."""
    return float(row["source_label"]["content"]) >= 0.5 if row["split"] == "dev" else None


def _attribution_relation(row: Row) -> bool:
    return "attribution" in str(row["source_label"]).split("+")


def _checkthat(rows: Sequence[Row], arguments: argparse.Namespace) -> Row:
    from models import Tagger

    test = [row for row in rows if row["doc"].endswith("dev_test")]
    if not test:
        raise ArticleError(f"{arguments.rows}: has no rows of a doc that ends in dev_test; give the file of checkthat")
    gold = np.array([row["gold"] for row in test])
    tagger = Tagger.load(arguments.model)
    need_labels(tagger.scheme, [FRAMING], str(arguments.model))
    zero_shot = _predict(tagger, [[row["text"]] for row in test]) == tagger.scheme.label2id[FRAMING]
    trained = Tagger.load(_train_subjectivity(rows, arguments))
    return {
        "n": len(gold),
        "config": " ".join([arguments.config.name, *arguments.overrides]),
        "trained": _macro(gold, _predict(trained, [[row["text"]] for row in test]) == 1),
        "zero_shot": _macro(gold, zero_shot),
        "majority": _macro(gold, np.zeros_like(gold)),
    }


def _train_subjectivity(rows: Sequence[Row], arguments: argparse.Namespace) -> Path:
    """Train on four fifths of train and dev; the last fifth chooses the epoch and the temperature."""
    from train.config import load_config
    from train.run import train

    with tempfile.TemporaryDirectory() as folder:
        scheme, corpus = Path(folder) / "scheme.yaml", Path(folder) / "checkthat"
        scheme.write_text(SUBJECTIVITY, encoding="utf-8")
        articles = []
        for number, row in enumerate(rows):
            name = f"{row['doc']}/{number}"
            text, [sentence] = place_sentences(name, [row["text"]])
            split = "test" if row["doc"].endswith("dev_test") else "validation" if number % 5 == 0 else "train"
            labeled = LabeledSentence(sentence, row["source_label"])
            articles.append(AnnotatedArticle(Article(name, text), name, "", (labeled,), "", split))
        write_corpus(corpus, articles)
        data = [f"data.corpora=[{corpus}]", "data.attached=[]", f"data.scheme={scheme}"]
        return train(load_config(arguments.config, [*arguments.overrides, *data, "name=checkthat"]), fresh=True)


def _attribution(rows: Sequence[Row], arguments: argparse.Namespace) -> Row:
    """Score "somebody else's words"; articles are tagged whole."""
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
        for row in (row for row, name in zip(ordered, names, strict=True) if name == CONDITION):
            print(f"{CONDITION}: {row['text']}", file=sys.stderr)
    gold = np.array([row["gold"] for row in ordered])
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, np.isin(names, ATTRIBUTED), average="binary", zero_division=0
    )
    found = {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
    return {"n": len(gold), "articles": len(articles)} | found


def _predict(tagger: Any, articles: Sequence[Sequence[str]]) -> Ints:
    found: Ints = np.concatenate(tagger.probabilities(articles)).argmax(axis=1)
    return found


def _macro(gold: Ints, predicted: Ints) -> float:
    from sklearn.metrics import f1_score

    return round(float(f1_score(gold, predicted, average="macro")), 4)


CHECKS: dict[str, tuple[Callable[[Row], bool | None], Callable[[Sequence[Row], argparse.Namespace], Row]]] = {
    "checkthat": (_subjective, _checkthat),
    "polnear": (_attributed_content, _attribution),
    "gum_news": (_attribution_relation, _attribution),
}

if __name__ == "__main__":
    sys.exit(main())

"""Score a model against labels that other people gave, for other purposes.

    python -m scripts.external --corpus checkthat --from checkthat.jsonl
    python -m scripts.external --corpus polnear --from polnear.jsonl --model models/artifacts/real
    python -m scripts.external --corpus gum_news --from gum_news.jsonl

checkthat   CLEF CheckThat! 2025, subjectivity in English: our trainer on train and dev with two labels, scored on dev_test;
            and zero-shot, our model's editorial_framing read as SUBJ
polnear     PolNeAR dev: quoted claim or condition against "at least half of the sentence is attributed content"
gum_news    GUM news: quoted claim or condition against an attribution relation; the conditions found are printed

Rows are JSONL: {"doc", "index", "text", "source_label", ...}, in article order. Results are kept in
scripts/measured/external.json.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labels.annotations import AnnotatedArticle, LabeledSentence, write_corpus
from labels.articles import Article, json_rows, place_sentences, read_utf8
from labels.errors import DONE, ArticleError, exit_code, write_whole
from models.calibration import Ints
from scripts.tables import MEASURED

Row = dict[str, Any]
SUBJECTIVITY = """\
name: subjectivity
labels:
  - {name: OBJ, title: Objective, definition: A sentence that reports.}
  - {name: SUBJ, title: Subjective, definition: A sentence that shows its author's opinion.}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, choices=list(CHECKS))
    parser.add_argument("--from", dest="rows", required=True, type=Path, metavar="PATH")
    parser.add_argument("--model", type=Path, default=Path("models/artifacts/real"))
    parser.add_argument("--config", type=Path, default=Path("configs/real.yaml"), help="how checkthat's own model is trained")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    rows = [row for _, row in json_rows(read_utf8(arguments.rows), str(arguments.rows))]
    for key in ("doc", "text", "source_label"):
        if not all(key in row for row in rows):
            raise ArticleError(f"{arguments.rows}: every row needs {key!r}; give the file of {arguments.corpus}")
    found = CHECKS[arguments.corpus](rows, arguments)
    path = MEASURED / "external.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_whole(path, json.dumps(kept | {arguments.corpus: found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return DONE


def _checkthat(rows: list[Row], arguments: argparse.Namespace) -> Row:
    """Macro F1 on dev_test of a model trained on train and dev, and of ours, which never saw the task."""
    from models import Tagger

    test = [row for row in rows if row["doc"].endswith("dev_test")]
    gold = np.array([row["source_label"] == "SUBJ" for row in test]) * 1
    tagger = Tagger.load(_train_subjectivity(rows, arguments.config))
    trained = _predict(tagger, [[row["text"]] for row in test])
    ours = Tagger.load(arguments.model)
    framing = ours.scheme.label2id["editorial_framing"]
    zero_shot = (_predict(ours, [[row["text"]] for row in test]) == framing) * 1
    return {
        "n": len(gold),
        "trained": _macro(gold, trained),
        "zero_shot": _macro(gold, zero_shot),
        "majority": _macro(gold, gold * 0),
    }


def _train_subjectivity(rows: list[Row], path: Path) -> Path:
    """Train on train, with a fifth of train and dev kept to choose the epoch, as any other run is."""
    from train.config import load_config
    from train.trainer import train

    with tempfile.TemporaryDirectory() as folder:
        scheme, corpus = Path(folder) / "scheme.yaml", Path(folder) / "checkthat"
        scheme.write_text(SUBJECTIVITY, encoding="utf-8")
        articles = []
        for number, row in enumerate(rows):
            name = f"{row['doc']}/{number}"
            text, [sentence] = place_sentences(name, [row["text"]])
            split = "test" if row["doc"].endswith("dev_test") else "validation" if number % 5 == 0 else "train"
            articles.append(
                AnnotatedArticle(Article(name, text), name, "", (LabeledSentence(sentence, row["source_label"]),), "", split)
            )
        write_corpus(corpus, articles)
        data = [f"data.corpora=[{corpus}]", "data.attached=[]", f"data.scheme={scheme}"]
        return train(load_config(path, [*data, "name=checkthat", "model.context=single"]), fresh=True)


def _polnear(rows: list[Row], arguments: argparse.Namespace) -> Row:
    """F1 of "attributed" on the dev split; people reach .908 pairwise on the corpus's multiply annotated articles."""
    articles = _by_article([row for row in rows if row.get("split") == "dev"])
    gold = np.array([row["source_label"]["content"] >= 0.5 for article in articles for row in article])
    return _attributed(articles, gold, arguments.model)


def _gum(rows: list[Row], arguments: argparse.Namespace) -> Row:
    """F1 of "attributed" against GUM's attribution relation."""
    articles = _by_article(rows)
    gold = np.array(["attribution" in str(row["source_label"]) for article in articles for row in article])
    return _attributed(articles, gold, arguments.model, show="condition")


def _attributed(articles: list[list[Row]], gold: Ints, model: Path, show: str = "") -> Row:
    """Score quoted_claim or condition as "somebody else's words"; articles are tagged whole."""
    from models import Tagger

    tagger = Tagger.load(model)
    names = np.array(tagger.scheme.names)[_predict(tagger, [[row["text"] for row in article] for article in articles])]
    for row, name in zip((row for article in articles for row in article), names, strict=True):
        if name == show:
            print(f"{name}: {row['text']}", file=sys.stderr)
    said = np.isin(names, ["quoted_claim", "condition"])
    hits = int((said & gold).sum())
    return {
        "n": len(gold),
        "articles": len(articles),
        "f1": 2 * hits / int(said.sum() + gold.sum()),
        "precision": hits / max(1, int(said.sum())),
        "recall": hits / int(gold.sum()),
    }


def _predict(tagger: Any, articles: list[list[str]]) -> Ints:
    found: Ints = np.concatenate(tagger.probabilities(articles)).argmax(axis=1)
    return found


def _by_article(rows: list[Row]) -> list[list[Row]]:
    articles: dict[str, list[Row]] = {}
    for row in rows:
        articles.setdefault(row["doc"], []).append(row)
    return list(articles.values())


def _macro(gold: Ints, predicted: Ints) -> float:
    from sklearn.metrics import f1_score

    return round(float(f1_score(gold, predicted, average="macro")), 4)


CHECKS: dict[str, Callable[[list[Row], argparse.Namespace], Row]] = {
    "checkthat": _checkthat,
    "polnear": _polnear,
    "gum_news": _gum,
}

if __name__ == "__main__":
    sys.exit(main())

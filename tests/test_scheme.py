from pathlib import Path

import pytest

from labels.errors import AnnotationError
from labels.scheme import load_scheme


def test_the_shipped_scheme_has_the_five_labels_in_order():
    scheme = load_scheme()
    assert scheme.names == ("fact", "quoted_claim", "condition", "editorial_framing", "skip")
    assert scheme.article_labels == scheme.names[:4]
    assert scheme.boilerplate_label == "skip"
    assert {scheme.id2label[number] for number in scheme.label2id.values()} == set(scheme.names)


def test_a_scheme_needs_no_more_than_names(tmp_path: Path):
    path = tmp_path / "subjectivity.yaml"
    path.write_text("labels: [{name: obj, title: null, examples: null}, {name: subj}]")
    scheme = load_scheme(path)
    assert scheme.names == ("obj", "subj")
    assert scheme.boilerplate_label is None
    assert scheme.label("subj").title == "Subj"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels: [{name: a}, {name: a}]", "label a is listed twice"),
        ("labels: [{name: a}, {nam: b}]", "label 2: needs a `name:`"),
        ("labels: [{name: a}, {name: b, color: red}]", "unknown key 'color'; did you mean 'colour'?"),
        ("labels: [{name: a}, {name: b, colour: red}]", "colour 'red' is not of the form '#1d5fa8'"),
        ("labels: [{name: a}]", "at least two entries"),
        ("labels: [{name: a}, {name: b, article_text: false}]", "at least two labels must be for article text"),
        ("labels: [{name: a}, {name: b, examples: One.}]", "examples must be a list"),
        ("labels: [", "not a readable YAML file"),
        ("- a", "needs a list `labels:`"),
    ],
)
def test_a_broken_scheme_is_refused_with_its_place(tmp_path: Path, text: str, message: str):
    path = tmp_path / "scheme.yaml"
    path.write_text(text)
    with pytest.raises(AnnotationError) as caught:
        load_scheme(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)

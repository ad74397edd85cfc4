import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labels.annotations import AnnotatedArticle
from labels.articles import Article, split

HOSTILE = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            [*"aA.!?“”\"'’ \n\r\t…-•|1»", "\u2028", "\xa0", "\u200f", "م", "к", "字", "😀", "\u0301", "\x0b", "\x1c"]
        ),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=300,
)
WORDS = st.lists(
    st.sampled_from(
        ["Mr.", "said", "“Enough!”", "Ms.", "Haddad", "U.S.", "5", "p.m.", "It", "rained.", "\n", "\n\n", "No.", '"Why?"']
    ),
    max_size=60,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(HOSTILE, WORDS))
def test_offsets_give_the_text_in_order_and_lose_no_word(text: str):
    sentences = split(Article("a", text))
    position = 0
    for number, sentence in enumerate(sentences):
        assert sentence.index == number
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.text == sentence.text.strip() != ""
        assert sentence.start >= position
        assert not any(character.isalnum() for character in text[position : sentence.start])
        position = sentence.end
    assert not any(character.isalnum() for character in text[position:])


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in split(Article("a", text))]


@pytest.mark.parametrize(
    "sentence",
    [
        "“Enough!” Ms. Haddad said.",
        "“Will they ever come back?” Tomas Reyl, the harbour minister, asked on Monday.",
        '"Never again!" he shouted from the balcony.',
        '"And take into account the "root causes" of the strike," the ministry said in a statement.',
        "The U.S. envoy, Dr. Ann Poe, landed at 5 p.m. on Friday.",
    ],
)
def test_a_quotation_stays_with_its_cue(sentence: str):
    assert texts(f"It rained. {sentence} Nobody came.") == ["It rained.", sentence, "Nobody came."]


def test_a_quotation_and_a_new_sentence_are_two():
    assert texts("“Enough!” She left the room.") == ["“Enough!”", "She left the room."]


def test_a_long_quotation_is_cut_into_its_sentences():
    assert texts("“We waited. Nobody came. It was cold,” she said.") == [
        "“We waited.",
        "Nobody came.",
        "It was cold,” she said.",
    ]


def test_headlines_and_headings_stand_alone():
    text = "Bridge to close for a year\nThe council voted on Friday.\n\nThe union's version\n\nIt was never asked."
    assert texts(text) == text.replace("\n\n", "\n").split("\n")


def test_hard_wrapped_lines_are_joined():
    text = (
        "The council voted on Friday to close the old\nbridge for a year, and the mayor said that no\ndate was set. She left."
    )
    assert [" ".join(t.split()) for t in texts(text)] == [
        "The council voted on Friday to close the old bridge for a year, and the mayor said that no date was set.",
        "She left.",
    ]


def test_the_corpus_is_cut_as_its_annotators_cut_it(corpus: list[AnnotatedArticle]):
    """Sentence ends of article text, found against annotated; a floor, not a goal."""
    found = annotated = both = 0
    for article in corpus:
        boilerplate = [s.sentence for s in article.sentences if s.label == "skip"]
        gold = {s.sentence.end for s in article.sentences if s.label != "skip"}
        ends = {
            sentence.end
            for sentence in split(article.article)
            if not any(line.start <= sentence.start < line.end for line in boilerplate)
        }
        found, annotated, both = found + len(ends), annotated + len(gold), both + len(ends & gold)
    assert both / annotated > 0.99
    assert both / found > 0.99


@pytest.mark.parametrize(
    "line", ["“Stop!” He ran" + " the length of the yard" * 40 + " and left.", "“Stop!” He" + ", Ab" * 90 + "."]
)
def test_no_sentence_takes_for_ever(line: str):
    start = time.monotonic()
    split(Article("a", line))
    assert time.monotonic() - start < 5

"""Cut an article into sentences: `split(article)` → [Sentence], with offsets into the text as read.

Lines are paragraphs unless the text is hard-wrapped, and nupunkt splits each paragraph on its own, so that a headline
without a full stop never runs into the lead; boilerplate lines stay whole. A quotation of several sentences becomes several
sentences, each with its own label. Lines without a letter or digit ("***") are dropped.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from labels.articles.article import Article, Sentence
from labels.articles.boilerplate import find_boilerplate
from labels.errors import ArticleError

WRAP_WIDTH = 120  # characters; text with longer lines is not hard-wrapped
_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_BLANK_LINE = re.compile(r"(?:\r\n|[\n\r\u2028\u2029])[ \t\xa0]*(?:\r\n|[\n\r\u2028\u2029])")
_QUOTE_ENDS = re.compile(r"[?!…][\"”’'»]\s*$")
_VERB = (
    "said|says|asked|asks|told|added|adds|replied|shouted|wrote|writes|cried|called|warned|insisted|joked|answered|declared"
    "|recalled|tweeted|posted|explained|continued|yelled|demanded|wondered|quipped|noted|read|reads"
)
_NAME = r"[A-Z][\w.'’-]*"  # any word, since letter case is ignored below: names have "of" and "van" in them
# `“Enough!” Ms. Haddad said.` is one sentence; splitters cut it after the quotation. `“Enough!” She said no.` stays two.
_CUE_ONLY = re.compile(
    rf"(?:(?:he|she|they|it|i|we|one|{_NAME}(?: {_NAME}){{0,7}}(?:, [^.]{{1,80}},)?(?: {_NAME}){{0,3}}) (?:\w+ly )?(?:{_VERB})"
    rf"|(?:{_VERB}) {_NAME}(?: {_NAME}){{0,7}})"
    r"(?:[.,;:]|,? (?:in|at|on|after|when|as|of|to|during|with|before|while|from|outside|through|over|by|about|later|again"
    r"|yesterday|today|this|last|\w+day|\w+ly)\b)",
    re.IGNORECASE,
)
# nupunkt knows "reports." and "cent." as abbreviations of legal texts; a lower-case word and a capital end a sentence.
_PLAIN_END = re.compile(r"(?<![\w.])[a-z][a-z'’-]+[.!?][\"”’)]* +(?=[\"“‘(]?[A-Z])")
_ABBREVIATED = re.compile(
    r"\b(?:approx|dept|govt|assn|prof|capt|corp|incl|resp|no|nos|vs|etc|ed|eds|vol|pp|art|cf|al|st|co|dr|mr|ms|sq|ft|lb|oz|hr"
    r"|min|sec|est|fig|ext|tel|ave|rev|gen|sen|rep|gov)\.\s*$"
)


def split(article: Article) -> list[Sentence]:
    """Return the article's sentences in order; boilerplate lines are sentences, too (see labels.articles.boilerplate)."""
    paragraphs = list(_paragraphs(article.text))
    boilerplate = find_boilerplate([article.text[start:end] for start, end in paragraphs])
    spans = [
        span
        for (start, end), is_boilerplate in zip(paragraphs, boilerplate, strict=True)
        for span in _sentences(article.text, start, end, is_boilerplate)
    ]
    return [Sentence(article.id, index, start, end, article.text[start:end]) for index, (start, end) in enumerate(spans)]


def sentences_of(article: Article) -> list[Sentence]:
    """Split an article that must have article text.

    Raises:
        ArticleError: every line of it is boilerplate.
    """
    sentences = split(article)
    if all(find_boilerplate([sentence.text for sentence in sentences])):
        raise ArticleError(f"{article.id}: has no sentence of article text, only page boilerplate or signs; check the file")
    return sentences


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of paragraphs: lines, with hard-wrapped lines joined."""
    block: list[tuple[int, int]] = []
    previous_end = 0
    for match in _LINE.finditer(text):
        if not match.group().strip():
            continue
        if block and _BLANK_LINE.search(text, previous_end, match.start()):
            yield from _unwrap(text, block)
            block = []
        block.append(match.span())
        previous_end = match.end()
    yield from _unwrap(text, block)


def _unwrap(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join lines that were wrapped at a fixed width: the first word of the next line would not have fitted."""
    if not lines:
        return
    width = max(end - start for start, end in lines)
    is_wrapped = width <= WRAP_WIDTH and any(text[start:end].lstrip()[0].islower() for start, end in lines[1:])
    paragraph_start = lines[0][0]
    for (start, end), (next_start, next_end) in pairwise(lines):
        next_word = text[next_start:next_end].split(maxsplit=1)[0]
        has_room = len(text[start:end].rstrip()) + 1 + len(next_word) <= width
        if has_room or not is_wrapped:
            yield paragraph_start, end
            paragraph_start = next_start
    yield paragraph_start, lines[-1][1]


def _sentences(text: str, start: int, end: int, is_boilerplate: bool) -> Iterator[tuple[int, int]]:
    """Yield trimmed sentence spans of one paragraph; a boilerplate line stays whole."""
    paragraph = re.sub(r"\s", " ", text[start:end])
    spans = [(0, len(paragraph))] if is_boilerplate else _with_cues(paragraph)
    for piece_start, piece_end in spans:
        piece = paragraph[piece_start:piece_end]
        if any(character.isalnum() for character in piece):
            offset = start + piece_start
            yield offset + len(piece) - len(piece.lstrip()), offset + len(piece.rstrip())


def _with_cues(paragraph: str) -> list[tuple[int, int]]:
    """Return the spans of the pieces of a paragraph, a quotation joined to the cue behind it."""
    spans: list[tuple[int, int]] = []
    for start, end in _pieces(paragraph):
        if spans and _QUOTE_ENDS.search(paragraph[slice(*spans[-1])]) and _CUE_ONLY.match(paragraph[start:end].lstrip()):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _pieces(paragraph: str) -> Iterator[tuple[int, int]]:
    """Yield the spans that nupunkt finds, cut further at plain sentence ends."""
    from nupunkt import sent_spans  # loads its model: only where there is something to split

    for start, end in sent_spans(paragraph):
        ends = [match.end() for match in _PLAIN_END.finditer(paragraph, start, end)]
        cuts = [cut for cut in ends if cut < end and not _ABBREVIATED.search(paragraph, start, cut)]
        yield from zip([start, *cuts], [*cuts, end], strict=True)

"""Cut an article into sentences: `split(article)` → [Sentence], with offsets into the text as read.

Lines are paragraphs unless the text is hard-wrapped, and nupunkt splits each paragraph on its own, so that a headline
without a full stop never runs into the lead; boilerplate lines stay whole. A quotation of several sentences becomes several
sentences, each with its own label. Lines without a letter or digit ("***") are no sentences.
"""

import re
from collections.abc import Iterator

from labels.articles.article import Article, Sentence
from labels.articles.boilerplate import find_boilerplate
from labels.errors import ArticleError

WRAP_WIDTH = 120
_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_BLANK_LINE = re.compile(r"(?:\r\n|[\n\r\u2028\u2029])[ \t\xa0]*(?:\r\n|[\n\r\u2028\u2029])")
_QUOTE_ENDS = re.compile(r"[?!…][\"”’'»]\s*$")
_VERB = (
    "said|says|asked|asks|told|added|adds|replied|shouted|wrote|writes|cried|called|warned|insisted|joked|answered|declared"
    "|recalled|tweeted|posted|explained|continued|yelled|demanded|wondered|quipped|noted|read|reads"
)
_NAME = r"[A-Z][\w.'’-]*"  # letter case is ignored, so this is any word: names have "of" and "van" in them
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
    """Return the article's sentences in order; boilerplate lines are sentences too (see labels.boilerplate)."""
    paragraphs = list(_paragraphs(article.text))
    boilerplate = find_boilerplate([article.text[start:end] for start, end in paragraphs])
    spans = [
        span
        for (start, end), whole in zip(paragraphs, boilerplate, strict=True)
        for span in _sentences(article.text, start, end, whole)
    ]
    return [Sentence(article.id, index, s, e, article.text[s:e]) for index, (s, e) in enumerate(spans)]


def sentences_of(article: Article) -> list[Sentence]:
    """Split an article, or say that there is nothing to split.

    Raises:
        ArticleError: no line of it holds a word of article text.
    """
    sentences = split(article)
    if all(find_boilerplate([sentence.text for sentence in sentences])):
        raise ArticleError(f"{article.id}: has no sentence of article text, only page boilerplate or signs; check the file")
    return sentences


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield spans of paragraphs: lines, hard-wrapped ones joined."""
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
    """Join the lines of a block that a fixed width has wrapped: the next word would not have fitted."""
    width = max((end - start for start, end in lines), default=0)
    wrapped = width <= WRAP_WIDTH and any(text[start:end].lstrip()[0].islower() for start, end in lines[1:])
    for number, (start, end) in enumerate(lines):
        if number == 0:
            first, last = start, end
            continue
        next_word = text[start:end].split(maxsplit=1)[0]
        if wrapped and len(text[lines[number - 1][0] : last].rstrip()) + 1 + len(next_word) > width:
            last = end
        else:
            yield first, last
            first, last = start, end
    if lines:
        yield first, last


def _sentences(text: str, start: int, end: int, whole: bool) -> Iterator[tuple[int, int]]:
    """Yield trimmed sentence spans of one paragraph; a boilerplate line stays whole."""
    paragraph = re.sub(r"\s", " ", text[start:end])
    spans: list[tuple[int, int]] = []
    for s, e in [(0, len(paragraph))] if whole else _pieces(paragraph):
        if spans and _QUOTE_ENDS.search(paragraph[spans[-1][0] : spans[-1][1]]) and _CUE_ONLY.match(paragraph[s:e].lstrip()):
            spans[-1] = (spans[-1][0], e)
        else:
            spans.append((s, e))
    for s, e in spans:
        piece = paragraph[s:e]
        if any(character.isalnum() for character in piece):
            yield start + s + len(piece) - len(piece.lstrip()), start + s + len(piece.rstrip())


def _pieces(paragraph: str) -> Iterator[tuple[int, int]]:
    """Yield the spans nupunkt finds, cut further at plain sentence ends."""
    from nupunkt import sent_spans  # loads its model: only when there is something to split

    for start, end in sent_spans(paragraph):
        ends = [m.end() for m in _PLAIN_END.finditer(paragraph, start, end)]
        cuts = [cut for cut in ends if cut < end and not _ABBREVIATED.search(paragraph, start, cut)]
        yield from zip([start, *cuts], [*cuts, end], strict=True)

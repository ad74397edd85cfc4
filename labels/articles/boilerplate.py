"""Recognise page boilerplate line by line: `find_boilerplate(texts)` → [bool], `rule_of(text)` → the rule that caught a line.

Only lines that a reader would know for boilerplate out of context are caught here (menus, tickers, "Subscribe to …", a notice in
another script). They stay in the article, with offsets, marked as not article text, and never reach the model: nothing
vanishes from the page, and a classifier cannot overrule them. Lines that need the article to be recognised, such as headings,
captions and teasers, are left to the classifier, which predicts the same label.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

LONGEST_LINE = 400  # characters; what is longer is a paragraph of the article

# Repeats are bounded or possessive (`*+` and `++` never give back what they took), so that no line takes for ever.
# A phrase is the whole line, except for bullets and other signs around it; letter case is ignored.
PHRASES = {
    # links
    "more_link": r"(?:read|see|watch|listen|view|show|load|more|also) (?:more|also|all|next|full story|comments?|now)?",
    "more_about": r"(?:read|see|watch) (?:more|also|next) ?(?:[:|>»–—-]|about\b|on\b|from\b|here\b).{0,120}",
    "click_here": r"(?:click|tap) (?:here|to)\b.{0,80}",
    "bracketed_link": r"\( ?(?:also on|watch|read|see|related|photos?|video)\b.{0,20}:.{0,160}\)",
    "skip_to_content": r"skip to (?:main )?content",
    "story_continues": r"(?:article|story) continue[sd] below.{0,40}",
    "you_may_like": r"you may also (?:like|be interested).{0,200}",
    "tags": r"(?:tags?|topics?|filed under|categories|related(?: (?:articles?|stories|news|topics))?|most (?:read|popular|viewed)|trending(?: now)?) ?[:|].{0,200}",
    "list_heading": r"related(?: (?:articles?|stories|news|topics|coverage))?|most (?:read|popular|viewed)|trending(?: now)?|tags|topics",
    # menus
    "menu": r"menu\b.{0,80}",
    "sections": r"(?:home|news|politics|business|sports?|opinion|culture|world|local|weather|video|photos?|about|contact|search|menu|economy|society|science|technology|tech|health|lifestyle|travel|markets?|analysis|podcasts?|shop|jobs|more|[|>»·•/&, ])++",
    "format_prefix": r"(?:in pictures|gallery|podcast|poll|quiz) ?:.{0,120}",
    "browsers": r"(?:google chrome|firefox|safari|opera|microsoft edge|yandex browser|[, ])++",
    # what a reader is asked to do
    "comment": r"be the first to comment.*|(?:leave|post|write|add) a (?:comment|reply).*|\d+ comments?|comments? ?\(\d+\).*",
    "sign_in": r"(?:sign|log)[ -]?(?:in|up|out)\b.{0,140}",
    "subscribe": r"(?:please )?subscribe\b.{0,90}",
    "unsubscribe": r"(?:you can )?unsubscribe\b.{0,60}",
    "newsletter": r"(?:get|join|try|receive|our) .{0,60}\b(?:newsletter|briefing|digest)s?\b.{0,40}",
    "follow_us": r"(?:follow|join|like|find) us\b.{0,60}",
    "share": r"share(?: (?:this|on|via|with|article|story).{0,60})?",
    "share_buttons": r"(?:facebook|twitter|whatsapp|telegram|instagram|youtube|linkedin|reddit|pinterest|email|e-mail|print|copy link|rss|vk|[,|·•/ ])++",
    "donate": r"donate",
    "support_us": r"support (?:our|local|independent|quality|free) (?:\w+ )?(?:journalism|reporting|work).{0,100}",
    "have_your_say": r"have (?:a|your) say\b.{0,60}",
    "got_a_tip": r"got a (?:story|tip|question)\b.*",
    "was_this_helpful": r"was this .{0,40}\bhelpful\b.*",
    # notices
    "advertisement": r"advertisement\b.{0,60}",
    "recaptcha": r".{0,60}\bprotected by recaptcha\b.*",
    "terms_of_use": r".{0,80}\bprivacy policy and terms of (?:service|use)\b.{0,40}",
    "cookie_choice": r".{0,60}\b(?:accept|reject|manage) (?:all )?cookies?\b.{0,60}",
    "cookie_policy": r".{0,80}\bcookies? (?:policy|settings|notice)\b.{0,80}",
    "cookie_notice": r"(?:this|our) (?:web)?site uses cookies.*|we (?:and our partners )?use cookies.*",
    "cookie_notice_translated": r"wir verwenden cookies.*|nous utilisons des cookies.*|(?:este sitio )?(?:usa|utiliza(?:mos)?) cookies.*",
    "copyright": r"(?:copyright|©|\(c\)) .{0,120}",
    "all_rights_reserved": r".{0,60}\ball rights reserved",
    # about the article
    "image_credit": r"(?:photo|image|picture|photograph|video|graphic)s?(?: (?:credit|by|courtesy))? ?[:/].{0,120}",
    "bracketed_credit": r"\([\w .'’-]{2,50} via [\w ./-]{2,40}\)",
    "enlarge_image": r"enlarge this image.*",
    "published": r"(?:last )?(?:published|updated|posted|modified) ?(?:on|at|:)? .{0,20}\d.{0,30}",
    "reading_time": r"(?:min(?:ute)?s? read|reading time).{0,20}|\d+[ -]min(?:ute)?s? read",
}
# A pattern is the whole line.
LINES = {
    "ticker": r"[\W_]*+[A-Z]{2,6}(?:/[A-Z]{3})?[\s:]*+[▲▼+-]?\s*+[$€£]?\d[\d.,]*+\s*+%?(?:\s*[▲▼(+-].*)?$",
    "time_or_number": r"(?i)[\W_]*+(?:\d[\d.,:/\s-]*+(?:[ap]\.?m\.?|GMT|UTC|[A-Z]{3,4}T)?[\W_]*+)++$",
    "byline": r"(?:By|Von|Par) [A-Z][\w.'’-]+(?: (?:[A-Z][\w.'’-]*|and|&|de|van|von|al-\w+)){1,6}(?:,? [\w ]{0,40})?$",
}
_SEPARATOR = re.compile(r"\s[|·•»►/]\s")
_TWO_WORDS = re.compile(r"\w\W+\w")
_SENTENCE_END = re.compile(r"[.!?…][\"”’']*$|[\"“”]")
_SAME_PAGE = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "HANGUL": "CJK"}  # scripts that one text mixes


def _is_single_word(text: str) -> bool:
    """Tell whether a line is a menu entry, a section name or no word at all; "Why?" and a cut quotation are not."""
    return not _TWO_WORDS.search(text) and not _SENTENCE_END.search(text)


def _has_separators(text: str) -> bool:
    """Tell whether a line is a row of links or sections."""
    return len(_SEPARATOR.findall(text)) >= 2 and not text.endswith((".", "”", '"'))


# All rules by name, in the order in which they are tried. A rule without an entry is switched off.
RULES: dict[str, Callable[[str], object]] = {
    "single_word": _is_single_word,
    **{name: re.compile(rf"(?i)[\W_]{{0,20}}(?:{phrase})\W*$").match for name, phrase in PHRASES.items()},
    **{name: re.compile(pattern).match for name, pattern in LINES.items()},
    "separators": _has_separators,
}


def find_boilerplate(texts: Sequence[str]) -> list[bool]:
    """Say for each sentence or line of one article, in order, whether it plainly is boilerplate.

    A line in another script than most of the article is boilerplate, too.
    """
    scripts = [_script(text) for text in texts]
    sizes: Counter[str] = Counter()
    for text, script in zip(texts, scripts, strict=True):
        if script:
            sizes[script] += len(text)
    main = max(sizes, key=sizes.__getitem__, default=None)
    return [rule_of(text) is not None or script not in (main, None) for text, script in zip(texts, scripts, strict=True)]


def rule_of(text: str) -> str | None:
    """Return the name of the first rule that catches a line, or None.

    >>> rule_of("Subscribe to our weekly digest")
    'subscribe'
    """
    text = text.strip()
    names = RULES if len(text) <= LONGEST_LINE else RULES.keys() & {"single_word"}
    return next((name for name in names if RULES[name](text)), None)


def _script(text: str) -> str | None:
    """Name the script of more than half of the letters (LATIN, CYRILLIC, …), or None."""
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text)) else None
    letters = [character for character in text if character.isalpha()][:500]
    name, count = Counter(map(_script_of, letters)).most_common(1)[0] if letters else (None, 0)
    return name if count * 2 > len(letters) else None


@lru_cache(maxsize=10_000)
def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "?").split()[0]
    return _SAME_PAGE.get(name, name)

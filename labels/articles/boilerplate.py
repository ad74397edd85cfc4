"""Recognise page boilerplate line by line: `find_boilerplate(texts)` → [bool].

Only lines that a reader would know for boilerplate out of context are caught here (menus, tickers, "Subscribe to …", a notice in
another script). They stay in the article, with offsets, marked as not article text, and never reach the model: nothing
vanishes from the page, and a rule cannot be talked out of it by a classifier. What needs the article to be recognised, such as
headings, captions and teasers, is left to the classifier, which predicts the same label.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

# `*+` and `++` never give back what they took: without that, long runs of separators or digits take for ever.
_WHOLE_LINE = re.compile(
    r"""(?xi) ^[\W_]{0,20}(?:
      (?:read|see|watch|listen|view|show|load|more|also)\ (?:more|also|all|next|full\ story|comments?|now)?\W*
    | (?:read|see|watch)\ (?:more|also|next)\ ?(?:[:|>»–—-]|about\b|on\b|from\b|here\b).{0,120}
    | (?:click|tap)\ (?:here|to)\b.{0,80}
    | be\ the\ first\ to\ comment.* | (?:leave|post|write|add)\ a\ (?:comment|reply).* | \d+\ comments?
    | (?:sign|log)[ -]?(?:in|up|out)\b.{0,140} | comments?\ ?\(\d+\).* | skip\ to\ (?:main\ )?content | menu\b.{0,80}
    | advertisement\b.{0,60} | (?:article|story)\ continue[sd]\ below.{0,40} | enlarge\ this\ image.*
    | (?:you\ can\ )?unsubscribe\b.{0,60} | .{0,60}\bprotected\ by\ recaptcha\b.* | .{0,80}\bprivacy\ policy\ and\ terms\ of\ (?:service|use)\b.{0,40}
    | \(\ ?(?:also\ on|watch|read|see|related|photos?|video)\b.{0,20}:.{0,160}\) | \([\w .'’-]{2,50}\ via\ [\w ./-]{2,40}\) | you\ may\ also\ (?:like|be\ interested).{0,200}
    | was\ this\ .{0,40}\bhelpful\b.* | support\ (?:our|local|independent|quality|free)\ (?:\w+\ )?(?:journalism|reporting|work).{0,100}
    | have\ (?:a|your)\ say\b.{0,60} | got\ a\ (?:story|tip|question)\b.* | (?:in\ pictures|gallery|podcast|poll|quiz)\ ?:.{0,120}
    | (?:please\ )?subscribe\b.{0,90} | (?:get|join|try|receive|our)\ .{0,60}\b(?:newsletter|briefing|digest)s?\b.{0,40}
    | (?:follow|join|like|find)\ us\b.{0,60} | share\ (?:this|on|via|with|article|story).{0,60} | share | donate | advertisement
    | .{0,60}\b(?:accept|reject|manage)\ (?:all\ )?cookies?\b.{0,60} | .{0,80}\bcookies?\ (?:policy|settings|notice)\b.{0,80}
    | (?:this|our)\ (?:web)?site\ uses\ cookies.* | we\ (?:and\ our\ partners\ )?use\ cookies.*
    | wir\ verwenden\ cookies.* | nous\ utilisons\ des\ cookies.* | (?:este\ sitio\ )?(?:usa|utiliza(?:mos)?)\ cookies.*
    | (?:copyright|©|\(c\))\ .{0,120} | .{0,60}\ball\ rights\ reserved\W*
    | (?:photo|image|picture|photograph|video|graphic)s?(?:\ (?:credit|by|courtesy))?\ ?[:/].{0,120}
    | (?:tags?|topics?|filed\ under|categories|related(?:\ (?:articles?|stories|news|topics))?|most\ (?:read|popular|viewed)|trending(?:\ now)?)\ ?[:|].{0,200}
    | related(?:\ (?:articles?|stories|news|topics|coverage))? | most\ (?:read|popular|viewed) | trending(?:\ now)? | (?:tags|topics)
    | (?:last\ )?(?:published|updated|posted|modified)\ ?(?:on|at|:)?\ .{0,20}\d.{0,30}
    | (?:min(?:ute)?s?\ read|reading\ time).{0,20} | \d+[ -]min(?:ute)?s?\ read
    | (?:google\ chrome|firefox|safari|opera|microsoft\ edge|yandex\ browser|[, ])++
    | (?:facebook|twitter|whatsapp|telegram|instagram|youtube|linkedin|reddit|pinterest|email|e-mail|print|copy\ link|rss|vk|[,|·•/ ])++
    | (?:home|news|politics|business|sports?|opinion|culture|world|local|weather|video|photos?|about|contact|search|menu|economy|society|science|technology|tech|health|lifestyle|travel|markets?|analysis|podcasts?|shop|jobs|more|[|>»·•/&, ])++
    )\W*$"""
)
_TICKER = re.compile(r"^[\W_]*+[A-Z]{2,6}(?:/[A-Z]{3})?[\s:]*+[▲▼+-]?\s*+[$€£]?\d[\d.,]*+\s*+%?(?:\s*[▲▼(+-].*)?$")
_TIME_OR_NUMBER = re.compile(r"^[\W_]*+(?:\d[\d.,:/\s-]*+(?:[ap]\.?m\.?|GMT|UTC|[A-Z]{3,4}T)?[\W_]*+)++$", re.IGNORECASE)
_BYLINE = re.compile(r"^(?:By|Von|Par) [A-Z][\w.'’-]+(?: (?:[A-Z][\w.'’-]*|and|&|de|van|von|al-\w+)){1,6}(?:,? [\w ]{0,40})?$")
_SEPARATOR = re.compile(r"\s[|·•»►/]\s")
_SAME_PAGE = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "HANGUL": "CJK"}  # scripts that one text mixes


def find_boilerplate(texts: Sequence[str]) -> list[bool]:
    """Say for each sentence or line of one article, in order, whether it plainly is boilerplate."""
    scripts = [_script(text) for text in texts]
    sizes: Counter[str] = Counter()
    for text, script in zip(texts, scripts, strict=True):
        if script:
            sizes[script] += len(text)
    main = max(sizes, key=sizes.__getitem__, default=None)
    return [_is_boilerplate(text.strip()) or script not in (main, None) for text, script in zip(texts, scripts, strict=True)]


def _is_boilerplate(text: str) -> bool:
    words = re.findall(r"\w+", text)
    if len(words) < 2 and not re.search(r"[.!?…][\"”’']*$|[\"“”]", text):
        return True  # a menu entry, a section name; "Why?" and a cut quotation are not
    if len(text) > 400:
        return False
    if _WHOLE_LINE.match(text) or _TICKER.match(text) or _TIME_OR_NUMBER.match(text) or _BYLINE.match(text):
        return True
    return len(_SEPARATOR.findall(text)) >= 2 and not text.endswith((".", "”", '"'))


def _script(text: str) -> str | None:
    """Name the script of more than half of the letters (LATIN, CYRILLIC, …), or None."""
    letters = [character for character in text if character.isalpha()][:500]
    name, count = Counter(map(_script_of, letters)).most_common(1)[0] if letters else (None, 0)
    return name if count * 2 > len(letters) else None


@lru_cache(maxsize=10_000)
def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "?").split()[0]
    return _SAME_PAGE.get(name, name)

"""Raw text to training documents: repair it, drop junk and say why, drop copies and say of what.

    repair(text)                      misread bytes, markup, control characters, wrapped lines
    reasons(text)                     [] or why a text should not be trained on
    cleaned = clean(texts)            all of it: cleaned.texts, cleaned.dropped {position: why}

    chapters(strip_gutenberg(book))   a book of Project Gutenberg as a list of texts

Made for English and its neighbours; a paragraph is one line of the result. Copies are found in
`duplicates`; `planted` makes corpora whose defects are known.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from helpers.text.duplicates import exact_copies, near_copies

# ---- repair

# What each byte shows in Windows-1252; the five that it does not define show as control characters.
SIGN = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]


def misread(text: str) -> str:
    """What a program shows that takes UTF-8 for Windows-1252.

    >>> misread("“")
    'â€œ'
    """
    return "".join(SIGN[byte] for byte in text.encode())


# From wrong to right; the last entry is a ” that lost its third byte on the way, as it often does.
RIGHT = {misread(sign): sign for sign in SIGN[128:]} | {"â€": "”"}
MISREAD = re.compile("|".join(sorted(RIGHT, key=len, reverse=True)))


def fix_mojibake(text: str) -> str:
    """Undo `misread`, also where it happened more than once.

    Only characters that Windows-1252 has are believed in: so CAFÉ… stays. A genuine Ã or â right
    before such a sign (MANHÃ”) would be taken for a misreading.

    >>> fix_mojibake("â€œYes,â€ said Zoë")
    '“Yes,” said Zoë'
    """
    while (fixed := MISREAD.sub(lambda match: RIGHT[match[0]], text)) != text:
        text = fixed
    return text


BLOCK_END = re.compile(r"</(?:p|div|li|tr|h\d)>|<(?:br|hr)\s*/?>", re.I)
PROGRAM = re.compile(r"<(script|style)\b.*?</\1>", re.I | re.S)  # no text at all
ATTRIBUTE = r"""\s+[\w:-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>]+))?"""
TAG = re.compile(rf"</?[a-z][a-z0-9]*(?:{ATTRIBUTE})*\s*/?>|<!--.*?-->", re.I | re.S)
NOTE = re.compile(r"\[Illustration[^\]]*\]|^ *\[\*\](?:.+\n?)+|\[\*\]", re.M)  # footnotes too


def drop_markup(text: str) -> str:
    """Take out HTML tags, Gutenberg's [Illustration] and [*]; turn &amp; and its like to signs.

    >>> drop_markup("<p>3 &lt; 5 &amp; <b>b</b></p>")
    '3 < 5 & b\\n'
    """
    return NOTE.sub("", html.unescape(TAG.sub("", BLOCK_END.sub("\n", PROGRAM.sub("", text)))))


PLAIN = str.maketrans(
    {**dict.fromkeys("“”„«»", '"'), **dict.fromkeys("‘’‚", "'"), "–": "-", "—": "--"}
    | {"…": "...", **dict.fromkeys("\r\v\f\x85\u2028\u2029", "\n"), "\t": " ", "\xa0": " "}
)
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2060\ufeff]")


def plain_signs(text: str) -> str:
    """One spelling for each sign: composed letters, straight quotes; nothing that cannot be seen.

    >>> plain_signs("\\ufeff‘e\\u0301’ … «é»")
    '\\'é\\' ... "é"'
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).translate(PLAIN)
    return INVISIBLE.sub("", text)


def unwrap(text: str) -> str:
    """Join the lines of a text that was broken to a width; a blank line parts paragraphs.

    A break was the printer's if the next word had no room. Where most breaks are, all of them go,
    except before lines indented by two spaces or more. Verse has room left, or is narrower than
    a page, and stays.
    """
    lines = [line.rstrip() for line in text.split("\n")]
    width = max(map(len, lines))
    breaks = [(a, b) for a, b in pairwise(lines) if a and b and not b.startswith(" ")]
    full = sum(len(a) + 1 + len(b.split()[0]) > 0.9 * width for a, b in breaks)
    if not 50 <= width <= 100 or len(breaks) < 3 or full <= len(breaks) / 2:
        return text
    page = re.sub(r"(?<=[\w-]-)\n(?=\w)", "", "\n".join(lines))  # ice-cream, needed--even
    return re.sub(r"(?<=\S)\n ?(?=\S)", " ", page)


ITALICS = re.compile(r"(?<!\w)_([^_\n]+)_(?!\w)")


def tidy(text: str) -> str:
    """One line for each paragraph, single spaces, no _italics_, no lines of mere ornament."""
    lines = (" ".join(line.split()) for line in ITALICS.sub(r"\1", text).split("\n"))
    return "\n".join(line for line in lines if any(map(str.isalnum, line)))


def repair(text: str) -> str:
    """A text as its author wrote it, in one spelling; paragraphs parted by one line end.

    What is lost stays lost: U+FFFD, a cut-off end. Repair once: a second time, short paragraphs of
    one length could pass for the lines of a page.
    """
    for step in (fix_mojibake, drop_markup, plain_signs, unwrap, tidy):
        text = step(text)
    return text


# ---- books of Project Gutenberg

BOOK_STARTS = re.compile(r"\*\*\* ?START OF (?:THIS|THE) PROJECT GUTENBERG[^*]*\*\*\*")
BOOK_ENDS = re.compile(
    r"\*\*\* ?END OF (?:THIS|THE) PROJECT GUTENBERG|^End of (?:the )?Project Gutenberg", re.M
)


def strip_gutenberg(book: str) -> str:
    """The book between the licence before and the licence after; any other text as it is."""
    starts = BOOK_STARTS.search(book)
    begin = starts.end() if starts else 0
    ends = BOOK_ENDS.search(book, begin)
    return book[begin : ends.start() if ends else len(book)]


def chapters(book: str) -> list[str]:
    """The parts of a book that three or more empty lines part; each with its heading, if any."""
    parts = re.split(r"\n{4,}", book.replace("\r\n", "\n"))
    return [part.strip("\n") for part in parts if part.strip()]


# ---- quality

SMALL_WORDS = frozenset("a and he her in is it of she that the they to was with you".split())
ENDINGS = (
    '."',
    '!"',
    '?"',
    ".'",
    "!'",
    "?'",
    ".)",
    "!)",
    "?)",
    ".",
    "!",
    "?",
    "...",
    "the end",
)


def measures(text: str) -> dict[str, float]:
    """What the filters look at, as numbers.

    words           how many words
    letters         share of the characters that are letters or spaces
    small words     share of the words that every English text has: the, and, to, ...
    word length     letters in a word, on average
    repetition      share of the runs of three words that came before in the text
    ending          1 if it ends as a sentence does
    lost            characters that nobody can bring back: U+FFFD, and bytes that were misread

    After Rae et al. 2021, arXiv:2112.11446, section A.1.1, and Raffel et al. 2019,
    arXiv:1910.10683, section 2.2.
    """
    words = re.findall(r"\w+", text.lower())
    runs = Counter(zip(words, words[1:], words[2:], strict=False))
    return {
        "words": len(words),
        "letters": sum(c.isalpha() or c.isspace() for c in text) / max(1, len(text)),
        "small words": sum(word in SMALL_WORDS for word in words) / max(1, len(words)),
        "word length": sum(map(len, words)) / max(1, len(words)),
        "repetition": 1 - len(runs) / max(1, runs.total()) if runs else 0.0,
        "ending": float(text.rstrip().lower().endswith(ENDINGS)),
        "lost": text.count("\ufffd") + len(MISREAD.findall(text)),
    }


LIMITS = {  # measure: (lowest, highest) that is kept
    "words": (30, 100_000),
    "letters": (0.8, 1),
    "small words": (0.1, 0.6),
    "word length": (3, 7),
    "repetition": (0, 0.3),
    "ending": (1, 1),
    "lost": (0, 0),
}


def reasons(text: str, limits: Mapping[str, tuple[float, float]] = LIMITS) -> list[str]:
    """Why a text should not be trained on: each measure outside its limits, with its number.

    ValueError: a limit for a measure that there is none of.
    """
    found = measures(text)
    if unknown := limits.keys() - found.keys():
        raise ValueError(f"no measure {min(unknown)!r}; there are {', '.join(found)}")
    outside = [name for name, (low, high) in limits.items() if not low <= found[name] <= high]
    return [f"{name} {found[name]:.3g} not in {limits[name]}" for name in outside]


# ---- all of it


@dataclass(frozen=True)
class Cleaned:
    """The texts that were kept, repaired, and why each of the others was not, by its position."""

    texts: list[str]
    dropped: dict[int, str]


def clean(
    raw: Sequence[str],
    limits: Mapping[str, tuple[float, float]] = LIMITS,
    threshold: float = 0.6,
) -> Cleaned:
    """Repair every text, then drop junk, exact copies and near copies, in this order."""
    texts = [repair(text) for text in raw]
    dropped = {
        i: ", ".join(why) for i, text in enumerate(texts) if (why := reasons(text, limits))
    }
    steps: dict[str, Callable] = {
        "copy": exact_copies,
        "near copy": lambda some: near_copies(some, threshold),
    }
    for name, copies in steps.items():
        left = [i for i in range(len(texts)) if i not in dropped]
        copy_of = copies([texts[i] for i in left])
        pairs = zip(left, copy_of, strict=True)
        dropped |= {i: f"{name} of {left[j]}" for i, j in pairs if j is not None}
    return Cleaned([text for i, text in enumerate(texts) if i not in dropped], dropped)

"""A corpus whose defects are known: stories, some damaged, some junk, some copied.

    rows = plant(seed=0, good=300, each=20)    (kind, text, its true story or None)

What `clean` and `duplicates` find in it can be counted against the truth.
"""

import html
import re
import textwrap
from collections import Counter
from collections.abc import Callable
from itertools import count, islice

from helpers.text import stories
from helpers.text.clean import misread


def curly(text: str) -> str:
    """Straight quotation marks as a typesetter has them."""
    return re.sub(r'"([^"]*)"', r"“\1”", text).replace("'", "’")


def sentences(text: str) -> list[str]:
    """The sentences of a story, more or less."""
    return re.split(r'(?<=[.!?]) (?=[A-Z"])', text)


def three_typos(text: str) -> str:
    words = text.split(" ")
    for place in range(7, len(words), max(1, len(words) // 3)):
        words[place] = words[place][::-1] + "x"
    return " ".join(words)


def another_hero(text: str) -> str:
    """The capitalized word that stands most often inside sentences becomes Zelda."""
    names = Counter(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text)).most_common(1)
    return re.sub(rf"\b{names[0][0]}\b", "Zelda", text) if names else text + " Zelda"


def first_sentence(text: str) -> str:
    return sentences(text)[0]


DAMAGE: dict[str, Callable[[str], str]] = {  # `repair` should give the story back
    "curly quotes": curly,
    "misread": lambda text: misread(curly(text)),
    "misread twice": lambda text: misread(misread(curly(text))),
    "web page": lambda text: f"<p>{html.escape(text)}</p>".replace("\n", "</p><p>"),
    "wrapped": lambda text: "\n\n".join(textwrap.fill(line, 66) for line in text.split("\n")),
    "odd spaces": lambda text: "\ufeff" + text.replace(" ", " \xa0").replace("\n", " \r\n\r\n"),
}
JUNK: dict[str, Callable[[str], str]] = {  # `reasons` should find some
    "empty": lambda text: " \n",
    "menu": lambda text: "Home | Shop | Contact | Log in | " * 12,
    "numbers": lambda text: "\n".join(f"{n}; {len(w)}.00" for n, w in enumerate(text.split())),
    "stuck": lambda text: " ".join(10 * [first_sentence(text)]),
    "cut off": lambda text: text[: 2 * len(text) // 3].rsplit(" ", 1)[0],
    "lost letters": lambda text: text.replace("e", "\ufffd"),
    "not English": lambda text: text.translate(str.maketrans("aeiount", "ikutoan")),
}
COPIES: dict[str, Callable[[str], str]] = {  # `near_copies` should name the original
    "same": str,
    "typed anew": curly,
    "in capitals": str.upper,
    "three typos": three_typos,
    "another hero": another_hero,
    "sentence gone": lambda text: " ".join(sentences(text)[:2] + sentences(text)[3:]),
    "end gone": lambda text: " ".join(sentences(text)[:-2]),
    "in a frame": lambda text: f"Story of the day. {text} Tell your friends about this page!",
}


def plant(seed: int, good: int, each: int) -> list[tuple[str, str, str | None]]:
    """Rows of (kind, text, its true story): `good` stories, then `each` of every other kind.

    Damaged texts and junk are made of further stories, copies of the first good ones. The truth of
    junk is None. Other seeds have other stories.
    """
    told = (stories.write(number).text for number in count(1_000_000 * (seed + 1)))
    rows = [("good", text, text) for text in islice(told, good)]
    originals = [text for _, text, _ in rows[:each]]
    for kind, spoil in DAMAGE.items():
        rows += [(kind, spoil(text), text) for text in islice(told, each)]
    for kind, spoil in JUNK.items():
        rows += [(kind, spoil(text), None) for text in islice(told, each)]
    for kind, change in COPIES.items():
        rows += [(kind, change(text), text) for text in originals]
    return rows

"""Tokens in color: a text with the borders of its tokens, for a notebook page.

    tokens.show([b"One", b" day", b"\\xf0\\x9f"], ids=[334, 512, 171], name="300 tokens")

The output is HTML that needs nothing from outside: tokens in two pale colors by turns, which
color-blind readers can tell apart too, under dark letters, so that it stays readable in a dark
notebook. The mouse shows a token's id and bytes. White space and control characters are drawn as
signs, bytes that are no whole character as hexadecimal numbers. Between the tokens stand tiny bars
that eyes do not see: a screen reader, copied text, a page that strips styles has borders too.
"""

import html
import unicodedata
from collections.abc import Sequence

BACKGROUNDS = ("#c3e2f5", "#fbddb0")  # blue and orange, which nobody mixes up
BOX = (
    "margin:2px 0;padding:4px 6px;background:#fff;color:#111;border:1px solid #ccc;"
    "font:13px/1.7 monospace;overflow-wrap:anywhere"
)
SIGNS = {" ": "·", "\t": "→", "\n": "↵", "\r": "←", "\x7f": "␡"}
BAR = "│"  # a line of its own, so that a | in the text is not taken for a border
HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}  # control, format, unassigned, spaces


def show(
    pieces: Sequence[bytes | str], ids: Sequence[int] | None = None, name: str = ""
) -> None:
    """Display tokens side by side; `pieces` are their bytes, or a special token's name.

    ids: their numbers, shown by the mouse. ValueError: not as many ids as pieces.
    """
    from IPython.display import display

    if ids is not None and len(ids) != len(pieces):
        raise ValueError(f"{len(pieces)} pieces and {len(ids)} ids: give one id for each piece")
    data = {"text/html": as_html(pieces, ids, name), "text/plain": as_text(pieces, name)}
    display(data, raw=True)


def as_text(pieces: Sequence[bytes | str], name: str = "") -> str:
    """The tokens with bars between them.

    >>> as_text([b"One", b" day", b",\\n"])
    'One│·day│,↵'
    """
    text = BAR.join(map(visible, pieces))
    return f"{name}: {text}" if name else text


def as_html(
    pieces: Sequence[bytes | str], ids: Sequence[int] | None = None, name: str = ""
) -> str:
    """The same as colored boxes, one line of HTML."""
    spans = [
        f'<span style="background:{BACKGROUNDS[i % len(BACKGROUNDS)]};unicode-bidi:isolate" '
        f'title="{html.escape(title(piece, None if ids is None else ids[i]))}">'
        f"{html.escape(visible(piece))}</span>"
        for i, piece in enumerate(pieces)
    ]
    bar = f'<span style="unicode-bidi:isolate;font-size:1px;color:transparent">{BAR}</span>'
    head = f'<b style="color:#555">{html.escape(name)}: </b>' if name else ""
    return f'<div style="{BOX}">{head}{bar.join(spans)}</div>'


def title(piece: bytes | str, id: int | None) -> str:
    """What the mouse shows over a token: its id, and its bytes; a name has none."""
    number = [] if id is None else [f"id {id}"]
    return ", ".join([*number, piece.hex(" ") if isinstance(piece, bytes) else "special"])


def visible(piece: bytes | str) -> str:
    """A token as it is drawn: nothing invisible, nothing that joins with its neighbors.

    >>> visible(b" \\xc3\\xa9"), visible(b"\\xc3"), visible("<|endoftext|>")
    ('·é', '⟨c3⟩', '<|endoftext|>')
    """
    if isinstance(piece, str):
        return piece
    text = piece.decode("utf-8", "surrogateescape")  # a byte of no character: U+DC80 to U+DCFF
    return "".join(map(sign, text))


def sign(character: str) -> str:
    """A character as it is drawn; a broken byte comes as a lone surrogate, U+DC00 + byte."""
    if character in SIGNS:
        return SIGNS[character]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode has a picture for each of these
    if 0xDC80 <= code <= 0xDCFF:
        return f"⟨{code - 0xDC00:02x}⟩"
    category = unicodedata.category(character)
    if category in HIDDEN:
        return f"⟨U+{code:04X}⟩"
    return f"◌{character}" if category.startswith("M") else character  # an accent needs a seat

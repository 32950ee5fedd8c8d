"""The engine of the story world: a notation for plots, the tree it becomes, and who walks on it.

    [One day|After lunch]         one of these, equally likely; `[3:a|b]` prefers `a`, 3 to 1
    [| It was warm.]              an alternative may be empty: an optional sentence
    {thing:toy}                   choose a word of the lexicon `toy`, say it, remember it as `thing`
    {thing}  {a thing}  {Thing}   say the fact again, with its article, with a capital
    {hero.he}  {hero.His}         say another form of it: a pronoun, a column of the lexicon's table
    [end? found: ... | lost: ...] choose and remember the fact `end`; once it is known, follow it
    <opening>  <sad hero>         a shared piece of text, which calls the hero `who`

The notation becomes a tree of nodes. One walk over that tree does everything: it writes when the
choices come from a random generator, it reads when they come from a text, it enumerates when all
are taken, and it counts when only their number matters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from os.path import commonprefix
from typing import NamedTuple

# ---------------------------------------------------------------------------- words


class Item(str):
    """A word of a lexicon. It is a string and knows its other forms, its lexicon, its weight."""

    forms: Mapping[str, str]
    home: Lexicon
    weight: int

    @property
    def is_person(self) -> bool:
        return "he" in self.forms


def article(word: str) -> str:
    """Return "an" before a vowel sound and "a" before any other."""
    if re.match(r"hour|honest", word):
        return "an"
    return "an" if re.match(r"(?!uni|use|uk|one|eu)[aeiou]", word, re.IGNORECASE) else "a"


def spell(word: str, form: str) -> str:
    """Spell a fact: "" or "^" plain, "a" with its article, else a column of its lexicon.

    "^" and forms with a capital ("A", "His") begin with a capital.
    """
    small = form.lower()
    if small in ("", "^"):
        spelled = str(word)
    else:
        spelled = f"{article(word)} {word}" if small == "a" else word.forms[small]
    return spelled if form == small != "^" else spelled[0].upper() + spelled[1:]


def verdict_of(item: Item, form: str) -> str:
    """Return the verdict that judges a mention: of a name, of a pronoun, or of anything else."""
    if not item.is_person:
        return "same_thing"
    return "same_hero" if form in ("", "^") else "right_pronoun"


class Lexicon:
    """The words that may fill one slot, likely by their weights (1 unless the row says else)."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self.items = []
        for row in rows:
            item = Item(row["word"])
            item.forms, item.home = row, self
            item.weight = int(row.get("weight", 1))
            self.items.append(item)
        self.words = frozenset(self.items)
        self.tables: dict[str, dict[str, list[Item]]] = {}
        self.lengths: dict[str, list[int]] = {}

    def spellings(self, form: str) -> dict[str, list[Item]]:
        """Return what each spelling in this form may stand for."""
        if form not in self.tables:
            table = self.tables[form] = {}
            for item in self.items:
                table.setdefault(spell(item, form), []).append(item)
            self.lengths[form] = sorted({len(spelling) for spelling in table})
        return self.tables[form]

    def matches(self, text: str, place: int, form: str) -> list[str]:
        """Return the spellings in this form that stand in `text` at `place`."""
        table = self.spellings(form)
        found = (text[place : place + length] for length in self.lengths[form])
        return [spelling for spelling in found if spelling in table]


# ---------------------------------------------------------------------------- the walk


class Slip(NamedTuple):
    """Where a text that is nearly a story departs from it: the verdict it spoils, place, reason."""

    verdict: str
    place: int
    reason: str


class State(NamedTuple):
    """How far a walk has come: the text so far and all that led to it."""

    text: str = ""
    facts: Mapping[str, str] = {}
    choices: tuple[int | str, ...] = ()
    bits: float = 0.0
    slips: tuple[Slip, ...] = ()
    ways: int = 1

    def say(self, piece: str) -> State:
        return State(self.text + piece, *self[1:])

    def choose(self, choice: int | str, bits: float, **facts: str) -> State:
        known = {**self.facts, **facts} if facts else self.facts
        return State(self.text, known, (*self.choices, choice), self.bits + bits, *self[4:])

    def slip(self, verdict: str, reason: str) -> State:
        return self._replace(slips=(*self.slips, Slip(verdict, len(self.text), reason)))


class Text(NamedTuple):
    """Fixed words."""

    piece: str

    def walk(self, state: State, walker: Walker) -> list[State]:
        return walker.say(state, self.piece)


class Mention(NamedTuple):
    """A known fact, said again: no choice, no bits."""

    fact: str
    form: str

    def walk(self, state: State, walker: Walker) -> list[State]:
        return walker.mention(state, state.facts.get(self.fact), self.form)


class Pick(NamedTuple):
    """A new fact: a word of a lexicon that no other fact of the story has taken."""

    fact: str
    form: str
    lexicon: Lexicon

    def walk(self, state: State, walker: Walker) -> list[State]:
        taken = self.lexicon.words.intersection(state.facts.values())
        total = sum(item.weight for item in self.lexicon.items if item not in taken)
        after = []
        for item in walker.pick(state, self, taken):
            bits = math.log2(total / item.weight)
            start = state.choose(str(item), bits, **{self.fact: item})
            if item in taken:
                start = start.slip(
                    verdict_of(item, ""), f"{str(item)!r} is in the story already"
                )
            after += walker.say(start, spell(item, self.form))
        return after


class Line(NamedTuple):
    """Nodes one after the other."""

    nodes: Sequence[Node]

    def walk(self, state: State, walker: Walker) -> list[State]:
        states = [state]
        for node in self.nodes:
            states = walker.keep([end for start in states for end in node.walk(start, walker)])
            if not states:
                break
        return states


class Choice(NamedTuple):
    """One of several lines."""

    options: Sequence[Line]
    weights: Sequence[int]

    def walk(self, state: State, walker: Walker) -> list[State]:
        total = sum(self.weights)
        after = []
        for index in walker.choose(self.weights):
            bits = math.log2(total / self.weights[index])
            after += self.options[index].walk(state.choose(index, bits), walker)
        return after


class Switch(NamedTuple):
    """One of several lines, each for one value of a fact: chosen once, then followed."""

    fact: str
    options: Mapping[str, Line]

    def walk(self, state: State, walker: Walker) -> list[State]:
        if self.fact in state.facts:
            return walker.follow(state, self, str(state.facts[self.fact]))
        labels, bits = list(self.options), math.log2(len(self.options))
        after = []
        for index in walker.choose([1] * len(labels)):
            chosen = state.choose(labels[index], bits, **{self.fact: labels[index]})
            after += self.options[labels[index]].walk(chosen, walker)
        return after


Node = Text | Mention | Pick | Line | Choice | Switch


# ---------------------------------------------------------------------------- who walks


class Walker:
    """Takes every way: the enumerator. The others say less, choose less or accept less."""

    def say(self, state: State, piece: str) -> list[State]:
        """Return the states after the words `piece`: none if they cannot stand here."""
        return [state.say(piece)]

    def mention(self, state: State, item: Item | None, form: str) -> list[State]:
        """Say a known fact; None is a fact of another branch, which cannot be said."""
        return self.say(state, spell(item, form)) if item else []

    def pick(self, state: State, pick: Pick, taken: frozenset[str]) -> list[Item]:
        """Return the words to try for a new fact."""
        return [item for item in pick.lexicon.items if item not in taken]

    def choose(self, weights: Sequence[int]) -> Iterable[int]:
        """Return the options to try."""
        return range(len(weights))

    def follow(self, state: State, switch: Switch, label: str) -> list[State]:
        """Take the option of a switch whose fact is known."""
        return switch.options[label if label in switch.options else "*"].walk(state, self)

    def keep(self, states: list[State]) -> list[State]:
        """Return the states worth going on with."""
        return states


class Counter(Walker):
    """Says nothing, and merges the states whose futures are alike."""

    def __init__(self, tested: frozenset[str]) -> None:
        self.tested = tested  # the facts that some switch looks at

    def say(self, state: State, piece: str) -> list[State]:
        return [state]

    def keep(self, states: list[State]) -> list[State]:
        merged: dict[frozenset, State] = {}
        for state in states:
            key = frozenset(
                (fact, word if fact in self.tested else "")
                for fact, word in state.facts.items()
            )
            ways = state.ways + (merged[key].ways if key in merged else 0)
            merged[key] = merged.get(key, state)._replace(choices=(), ways=ways)
        return list(merged.values())


class Writer(Walker):
    """Chooses by a random generator."""

    def __init__(self, random_number: Callable[[], float]) -> None:
        self.random_number = random_number  # uniform in [0, 1)

    def pick(self, state: State, pick: Pick, taken: frozenset[str]) -> list[Item]:
        free = super().pick(state, pick, taken)
        return [free[index] for index in self.choose([item.weight for item in free])]

    def choose(self, weights: Sequence[int]) -> Iterable[int]:
        mark = self.random_number() * sum(weights)
        for index, total in enumerate(accumulate(weights)):
            if mark < total:
                return (index,)
        raise AssertionError("a random number below 1 always falls on an option")


class Reader(Walker):
    """Accepts what stands in a text; if nothing does, it finds the furthest place it came to."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0
        self.tracing = False
        self.place = -1  # the furthest place
        self.state = State()  # what was known there
        self.expected: list[str] = []  # what could have followed there

    def say(self, state: State, piece: str) -> list[State]:
        self.steps += 1
        if self.text.startswith(piece, len(state.text)):
            return [state.say(piece)]
        if self.tracing:
            self.miss(state, piece)
        return []

    def pick(self, state: State, pick: Pick, taken: frozenset[str]) -> list[Item]:
        self.steps += 1
        spellings = pick.lexicon.spellings(pick.form)
        found = pick.lexicon.matches(self.text, len(state.text), pick.form)
        free = [item for spelling in found for item in spellings[spelling] if item not in taken]
        if self.tracing and not free:
            for spelling in spellings:
                self.miss(state, spelling)
        return free

    def miss(self, state: State, piece: str) -> None:
        """Note where `piece` parts from the text, if no reading has come further yet."""
        here = len(state.text)
        agreed = len(commonprefix([piece, self.text[here : here + len(piece)]]))
        if here + agreed > self.place:
            self.place, self.state, self.expected = here + agreed, state, []
        if here + agreed == self.place:
            word = piece[piece.rfind(" ", 0, agreed + 1) + 1 :][:24]
            self.expected += [word] if word not in self.expected else []

    def read(self, grammar: Node) -> list[State]:
        """Return the states of all derivations of the whole text."""
        ends = grammar.walk(State(), self)
        whole = [state for state in ends if len(state.text) == len(self.text)]
        if not whole and not self.tracing:
            self.tracing = True
            self.read(grammar)
            for state in ends:
                self.miss(state, "")
        return whole


# ---------------------------------------------------------------------------- the notation


TOKEN = re.compile(r"\[|\]|\||\{[^{}]*\}|[^\[\]|{}]+")
SLOT = re.compile(r"\{(?:([aA]) )?(\w+)(?:\.(\w+))?(?::([\w ]+))?\}")


class Notation:
    """Reads the notation of `world.py` into nodes."""

    def __init__(self, lexicons: Mapping[str, Lexicon], fragments: Mapping[str, str]) -> None:
        self.lexicons, self.fragments = lexicons, fragments
        self.tested: set[str] = set()

    def parse(self, source: str) -> Line:
        """Return the nodes of a source; a blank line in it is a new paragraph of the story."""
        try:
            source = self.expand(source.strip())
            source = re.sub(r"\s*\n\s*([|\]])|([\[|])\s*\n\s*", r"\1\2", source)
            paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", source)]
            tokens = TOKEN.findall("\n".join(paragraphs))[::-1]
            line = self.line(tokens)
        except KeyError as error:
            raise ValueError(f"there is no lexicon or fragment {error}") from None
        except IndexError:
            raise ValueError(f"a bracket is not closed in {source[:60]!r}") from None
        if tokens:
            raise ValueError(f"{tokens[-1]} stands outside brackets in {source[:60]!r}")
        return line

    def expand(self, source: str) -> str:
        """Replace `<name hero friend>` by the fragment, which calls them `who` and `whom`."""

        def fragment(match: re.Match) -> str:
            name, *facts = match[1].split()
            text = self.fragments[name].strip()
            for role, fact in zip(("who", "whom"), facts, strict=False):
                text = re.sub(rf"(\{{|<\w+ (?:\w+ )?){role}\b", rf"\g<1>{fact}", text)
                text = re.sub(rf"\{{{role.title()}\b", "{" + fact.title(), text)
            return self.expand(text)

        return re.sub(r"<([^<>]*)>", fragment, source)

    def line(self, tokens: list[str], trim: bool = False) -> Line:
        """Read nodes up to the end of an option; `tokens` is a stack, the next one last."""
        nodes: list[Node] = []
        while tokens and tokens[-1] not in ("|", "]"):
            token = tokens.pop()
            if token == "[":
                nodes.append(self.group(tokens, nodes))
            elif token.startswith("{"):
                nodes.append(self.slot(token))
            else:
                ends = trim and tokens and tokens[-1] in ("|", "]")
                nodes.append(Text(token.rstrip(" ") if ends else token))
        return Line([node for node in nodes if node != Text("")])

    def slot(self, token: str) -> Node:
        match = SLOT.fullmatch(token)
        if not match:
            raise ValueError(
                f"{token} is no slot; write {{fact}}, {{a fact.form:lexicon}} or so"
            )
        letter, fact, form, lexicon = match.groups()
        shape = form or letter or ("" if fact.islower() else "^")
        if lexicon:
            return Pick(fact.lower(), shape, self.lexicons[lexicon])
        return Mention(fact.lower(), shape)

    def group(self, tokens: list[str], before: list[Node]) -> Node:
        """Read what follows a "[": a choice, or a switch if it begins with a fact and "?"."""
        fact = re.match(r"(\w+)\? *", tokens[-1])
        if fact:
            tokens[-1] = tokens[-1][fact.end() :]
        pattern = r" *(\w+|\*): *" if fact else r"(\d+):"
        heads, options = [], []
        while not options or tokens.pop() == "|":
            head = re.match(pattern, tokens[-1])
            heads.append(head[1] if head else "1")
            if head:
                tokens[-1] = tokens[-1][head.end() :]
            options.append(self.line(tokens, trim=bool(fact)))
        if not all(option.nodes for option in options):
            options = self.spaced(options, before)
        if fact:
            self.tested.add(fact[1])
            return Switch(fact[1], dict(zip(heads, options, strict=True)))
        return Choice(options, [int(head) for head in heads])

    def spaced(self, options: list[Line], before: list[Node]) -> list[Line]:
        """Move the space before an optional group into its options that are not empty."""
        if not (before and isinstance(before[-1], Text) and before[-1].piece.endswith(" ")):
            return options
        before[-1] = Text(before[-1].piece[:-1])
        return [
            Line([Text(" "), *option.nodes]) if option.nodes else option for option in options
        ]

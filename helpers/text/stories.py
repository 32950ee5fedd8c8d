"""The built-in corpus: a small story world whose every story has an exactly known probability.

The content is data (`world.py`); this file is the engine. A plot is written in a tiny notation:

    [One day|After lunch]         one of these, equally likely; `[3:a|b]` prefers `a`, 3 to 1
    [| It was warm.]              an alternative may be empty: an optional sentence
    {thing:toy}                   choose a word of the lexicon `toy`, say it, remember it as `thing`
    {thing}  {a thing}  {Thing}   say the fact again, with its article, with a capital
    {hero.he}  {hero.His}         say another form of it: a pronoun, a column of the lexicon's table
    [end? found: ... | lost: ...] choose and remember the fact `end`; once it is known, follow it
    <opening>  <sad hero>         a shared piece of text, which calls the hero `who`

The notation becomes a tree of nodes. One walk over that tree does everything: it writes when the
choices come from a random generator, it reads when they come from a text, it enumerates when all
are taken, and it counts when only their number matters. A text has one derivation at most, so the
bits of its choices are -log2 of its probability, and their mean is a floor for every model.
Training takes the seeds from 0 upward, validation the seeds from `VALIDATION_SEEDS` upward.
"""

from __future__ import annotations

import math
import random
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from os.path import commonprefix
from typing import NamedTuple

from helpers.text import world as content

VALIDATION_SEEDS = 10**9
VERDICTS = ("grammatical", "same_hero", "right_pronoun", "same_thing", "ending_follows")
FAULTS = VERDICTS[1:]
PRIMER_FLAT = 0.7  # the share of a primer that has two plots only
READINGS_KEPT = 16  # a relaxed reading follows this many derivations at once, best first


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


class Breaker(Writer):
    """Writes like `Writer`, but breaks one rule from the middle of the story on."""

    def __init__(self, random_number: Callable[[], float], fault: str, after: int) -> None:
        super().__init__(random_number)
        self.fault, self.after = fault, after
        self.changed: dict[str, Item | str] = {}  # what each changed fact became

    def mention(self, state: State, item: Item | None, form: str) -> list[State]:
        if item and len(state.text) > self.after and verdict_of(item, form) == self.fault:
            if not self.changed:
                self.changed[item] = self.rival(state, item)
            item = self.changed.get(item, item)
        return super().mention(state, item, form)

    def rival(self, state: State, item: Item) -> Item:
        """Return a different item: of the other sex for a wrong pronoun, else one like it."""
        other_sex = self.fault == "right_pronoun"
        free = [rival for rival in item.home.items if rival not in state.facts.values()]
        if item.is_person:
            free = [r for r in free if (r.forms["he"] != item.forms["he"]) == other_sex]
        return free[len(state.text) % len(free)] if free else item

    def follow(self, state: State, switch: Switch, label: str) -> list[State]:
        if len(state.text) > self.after and self.fault == "ending_follows":
            others = [other for other in switch.options if other not in (label, "*")]
            if others and not self.changed:
                self.changed[switch.fact] = others[0]
            label = self.changed.get(switch.fact, label)
        return super().follow(state, switch, label)


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


class RelaxedReader(Reader):
    """Accepts slips too, and notes them: another name, pronoun or thing, another branch."""

    def __init__(self, text: str, people: Lexicon) -> None:
        super().__init__(text)
        self.people = people

    def mention(self, state: State, item: Item | None, form: str) -> list[State]:
        if not item:  # another branch would have said what it is
            return []
        after = super().mention(state, item, form)
        right = spell(item, form)
        rivals = self.people if item.is_person else item.home
        for spelling in rivals.matches(self.text, len(state.text), form):
            if spelling != right:
                reason = f"{spelling!r} where {right!r} was due"
                after += self.say(state.slip(verdict_of(item, form), reason), spelling)
        return after

    def pick(self, state: State, pick: Pick, taken: frozenset[str]) -> list[Item]:
        return super().pick(state, pick, frozenset())

    def follow(self, state: State, switch: Switch, label: str) -> list[State]:
        label = label if label in switch.options else "*"
        after = super().follow(state, switch, label)
        for other in switch.options:
            if other != label:
                reason = f"this is what follows from {other!r}, but the story said {label!r}"
                slipped = state.slip("ending_follows", reason)
                after += switch.options[other].walk(slipped, self)
        return after

    def keep(self, states: list[State]) -> list[State]:
        return sorted(states, key=lambda state: len(state.slips))[:READINGS_KEPT]


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


# ---------------------------------------------------------------------------- the world


class World:
    """Lexicons and plots, read from their notation.

    `lexicons`: name -> rows, each a mapping with the key "word" and a key for each other form.
    `fragments`: name -> notation. `plots`: name -> (what it is about, the story), both notation.
    """

    def __init__(
        self,
        lexicons: Mapping[str, Sequence[Mapping[str, str]]],
        fragments: Mapping[str, str],
        plots: Mapping[str, tuple[str, str]],
        requests: str,
    ) -> None:
        self.lexicons = {name: Lexicon(rows) for name, rows in lexicons.items()}
        everybody = [row for rows in lexicons.values() for row in rows if "he" in row]
        self.people = Lexicon({row["word"]: row for row in everybody}.values())
        notation = Notation(self.lexicons, fragments)
        self.grammar = Switch("plot", {name: notation.parse(plots[name][1]) for name in plots})
        self.requests = {
            name: notation.parse(requests.replace("ABOUT", plots[name][0])) for name in plots
        }
        self.tested = frozenset(notation.tested | {"plot"})


WORLD = World(content.LEXICONS, content.FRAGMENTS, content.PLOTS, content.REQUESTS)


@dataclass(frozen=True)
class Story:
    """A text, its -log2 probability, the facts that it tells and the choices that made it."""

    text: str
    bits: float
    facts: Mapping[str, str]
    choices: tuple[int | str, ...]


Parse = Story  # reading gives back what writing knew


class LeavesTheWorld(ValueError):
    """A text that the world cannot write: `place` is the first character that does not fit."""

    def __init__(self, reader: Reader) -> None:
        self.place = reader.place
        self.expected = tuple(repr(word) if word else "the end" for word in reader.expected[:5])
        text, place = reader.text, reader.place
        line = text.count("\n", 0, place) + 1
        found = repr(text[place : place + 24]) if place < len(text) else "the end of the text"
        super().__init__(
            f"the text leaves the world at character {place} (line {line}): "
            f"after {text[max(0, place - 24) : place]!r} comes {found}, "
            f"expected {' or '.join(self.expected)}"
        )


def story_of(states: list[State]) -> Story:
    """Return the story of the only state."""
    assert len(states) == 1, f"{len(states)} derivations where there must be one"
    return Story(states[0].text, states[0].bits, states[0].facts, states[0].choices)


def write(seed: int, world: World = WORLD) -> Story:
    """Write the story of a seed; the same seed gives the same story everywhere."""
    return story_of(world.grammar.walk(State(), Writer(random.Random(seed).random)))


def primer(number: int, total: int, world: World = WORLD) -> str:
    """Write story `number` of `total` that lead into the world, from two plots to all of them.

    To keep a name through a story is learned soon from few plots, and late from many. So the first
    PRIMER_FLAT of these stories have the first two plots; then the others come in one by one.
    """
    names = list(world.grammar.options)
    grown = max(0.0, number / total - PRIMER_FLAT) / (1 - PRIMER_FLAT)
    known = 2 + int(grown * (len(names) - 1))
    random_number = random.Random(number).random
    first = State(facts={"plot": names[int(random_number() * min(known, len(names)))]})
    return story_of(world.grammar.walk(first, Writer(random_number))).text


def parse(text: str, world: World = WORLD) -> Parse:
    """Return the choices, bits and facts that make `text`; raise `LeavesTheWorld` if none do."""
    reader = Reader(text)
    states = reader.read(world.grammar)
    if not states:
        raise LeavesTheWorld(reader)
    return story_of(states)


def enumerate_stories(world: World) -> Iterator[Story]:
    """Give every story of a (small) world."""
    for state in world.grammar.walk(State(), Walker()):
        yield story_of([state])


def count(world: World = WORLD) -> int:
    """Return the number of different stories (a lower bound if lexicons overlap in part)."""
    return sum(state.ways for state in world.grammar.walk(State(), Counter(world.tested)))


# ---------------------------------------------------------------------------- grades


class Verdict(NamedTuple):
    """Yes or no; for a no, the character where it goes wrong and why."""

    yes: bool
    place: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Grade:
    """The five verdicts on a story."""

    grammatical: Verdict
    same_hero: Verdict
    right_pronoun: Verdict
    same_thing: Verdict
    ending_follows: Verdict

    @property
    def passed(self) -> bool:
        return all(getattr(self, name).yes for name in VERDICTS)


def grade(text: str, world: World = WORLD) -> Grade:
    """Judge a text that a language model wrote, by the reading that finds the fewest slips.

    A text that no reading gets to the end of is judged on the part that was read.
    """
    reader = RelaxedReader(text, world.people)
    states = reader.read(world.grammar)
    best = min(states, key=lambda state: len(state.slips)) if states else reader.state
    verdicts = {name: Verdict(True) for name in VERDICTS}
    for slip in reversed(best.slips):
        verdicts[slip.verdict] = Verdict(False, slip.place, slip.reason)
    if not states:
        if reader.place < len(text):
            verdicts["grammatical"] = Verdict(False, reader.place, str(LeavesTheWorld(reader)))
        if verdicts["ending_follows"].yes:
            verdicts["ending_follows"] = Verdict(False, reader.place, "the ending never comes")
    return Grade(**verdicts)


# ---------------------------------------------------------------------------- entropy


@dataclass(frozen=True)
class Entropy:
    """The floor of a corpus: what the best possible model needs."""

    bits_per_byte: float
    standard_error: float
    bits_per_story: float
    bytes_per_story: float


def floor_of(stories: Iterable[Story]) -> Entropy:
    """Return total bits over total UTF-8 bytes of these stories.

    The standard error is the ratio estimator's (Cochran, Sampling Techniques, 1977, section 6.4):
    how far this ratio may be from that of all stories.
    """
    pairs = [(story.bits, len(story.text.encode())) for story in stories]
    if len(pairs) < 2:
        raise ValueError(
            f"{len(pairs)} stories are too few for a standard error; give 2 or more"
        )
    bits, size = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    ratio = bits / size
    spread = sum((b - ratio * n) ** 2 for b, n in pairs) / (len(pairs) - 1)
    return Entropy(ratio, math.sqrt(spread / len(pairs)) / size, bits, size)


def entropy(n: int = 2000, seed: int = 2 * VALIDATION_SEEDS, world: World = WORLD) -> Entropy:
    """Estimate the entropy of the world, in bits per byte, from `n` stories."""
    return floor_of(write(seed + index, world) for index in range(n))


# ---------------------------------------------------------------------------- fine-tuning


class Preference(NamedTuple):
    """A prompt with a right story and the same story broken in one way, which `grade` finds."""

    prompt: str
    chosen: str
    rejected: str
    fault: str


def instruction(story: Story, seed: int | None = None, world: World = WORLD) -> str:
    """Ask for this story, in one of several forms; the seed defaults to a digest of its text."""
    seed = zlib.crc32(story.text.encode()) if seed is None else seed
    request = world.requests[story.facts["plot"]]
    return request.walk(State(facts=story.facts), Writer(random.Random(seed).random))[0].text


def preference(seed: int, world: World = WORLD) -> Preference:
    """Return the story of a seed as chosen and a broken copy as rejected."""
    story = write(seed, world)
    first = seed % len(FAULTS)
    for fault in FAULTS[first:] + FAULTS[:first]:
        breaker = Breaker(random.Random(seed).random, fault, len(story.text) // 2)
        for state in world.grammar.walk(State(), breaker):
            judged = grade(state.text, world)
            failed = [name for name in VERDICTS if not getattr(judged, name).yes]
            if failed == [fault]:
                return Preference(
                    instruction(story, None, world), story.text, state.text, fault
                )
    raise AssertionError("every story has a name or a pronoun in its second half")

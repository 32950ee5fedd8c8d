"""The built-in corpus: a small story world whose every story has an exactly known probability.

    story = write(seed=4)        story.text, story.bits, story.facts
    parse(text)                  the choices and bits of a text, or where it leaves the world
    grade(text)                  five verdicts on what a model wrote
    surprisal(text)              the bits of every character, as the best possible model has them
    entropy()                    bits per byte that no model can beat

The content is data (`world.py`), the engine is `grammar.py`. A text has one derivation at most, so
the bits of its choices are -log2 of its probability, and their mean is a floor for every model.
Training takes the seeds from 0 upward, validation the seeds from `VALIDATION_SEEDS` upward.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from os.path import commonprefix
from typing import NamedTuple

from helpers.text import world as content
from helpers.text.grammar import (
    Counter,
    Item,
    Lexicon,
    Notation,
    Pick,
    Reader,
    State,
    Switch,
    Walker,
    Writer,
    spell,
    verdict_of,
)

VALIDATION_SEEDS = 10**9
VERDICTS = ("grammatical", "same_hero", "right_pronoun", "same_thing", "ending_follows")
FAULTS = VERDICTS[1:]
READINGS_KEPT = 16  # a relaxed reading follows this many derivations at once, best first


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


class Meter(Walker):
    """Follows a text, and keeps for each of its characters the probability of what parts there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parting = [0.0] * (len(text) + 1)

    def say(self, state: State, piece: str) -> list[State]:
        here = len(state.text)
        agreed = len(commonprefix([piece, self.text[here : here + len(piece)]]))
        if agreed == len(piece):
            return [state.say(piece)]
        self.parting[here + agreed] += 2**-state.bits
        return []


def surprisal(text: str, world: World = WORLD) -> list[float]:
    """Bits of each character of a story, and of its end, given all before: no model has less.

    They sum to the story's bits. `LeavesTheWorld` if no story reads so.
    """
    meter, whole = Meter(text), parse(text, world)
    for end in world.grammar.walk(State(), meter):
        if end.text != text:  # a shorter story ends where this one goes on
            meter.parting[len(end.text)] += 2**-end.bits
    # summed from the end, where the probabilities are smallest: forward they would drown
    after = list(accumulate([2**-whole.bits, *reversed(meter.parting)]))[::-1]
    return [math.log2(before / left) for before, left in zip(after, after[1:], strict=False)]


# ---------------------------------------------------------------------------- fine-tuning


class Preference(NamedTuple):
    """A prompt with a right story and the same story broken in one way, which `grade` finds."""

    prompt: str
    chosen: str
    rejected: str
    fault: str


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

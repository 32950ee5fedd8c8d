"""Day 6, tokenization: right answers, and the mistakes people really make."""

import re
from collections import Counter
from itertools import pairwise

from helpers.lesson.check import Exercise


def merge(tokens, pair, new):
    """`tokens` with each `pair` replaced by `new`, from left to right."""
    merged = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] = new
        else:
            merged.append(token)
    return merged


# ---- 6.1  merge_step(words) -> pair, new words


def merge_step(words):
    return merge_step_with()(words)


def every_pair(word, n):
    return Counter({pair: n * times for pair, times in Counter(pairwise(word)).items()})


def best_of(total):
    return min(total, key=lambda pair: (-total[pair], pair))


def merged(word, pair):
    return tuple(merge(word, pair, "".join(pair)))


def merge_step_with(pairs_of=every_pair, choose=best_of, apply=merged):
    """One step of BPE; how pairs are counted, chosen and merged can be wrong."""

    def step(words):
        total = Counter()
        for word, n in words.items():
            total.update(pairs_of(word, n))
        pair = choose(total)
        return pair, {apply(word, pair): n for word, n in words.items()}

    return step


def merge_step_inputs():
    spelled = {"the": 4, "then": 2, "ten": 3, "hen": 1}
    rare_ends = {"low": 1, "lot": 1, "log": 1, "new": 9}
    return {
        "the toy": ({tuple(word): n for word, n in spelled.items()},),
        "a word that occurs nine times": ({tuple(word): n for word, n in rare_ends.items()},),
        "a tie": ({tuple("cd"): 5, tuple("ef"): 5, tuple("ab"): 5},),
        "aaa": ({tuple("aaa"): 2, tuple("bc"): 3},),
        "a pair twice in a word": ({tuple("abcab"): 2, tuple("xy"): 3},),
        "a tie of longer tokens": ({("ab", "b"): 1, ("a", "bc"): 1},),
        "another pair of the same letters": ({("a", "bc"): 3, ("ab", "c", "d"): 1},),
        "longer tokens": ({("at", "he"): 1, ("t", "h", "in"): 3, ("in", "t", "h"): 1},),
        "the borders of words": (
            {tuple("bxa"): 1, tuple("bya"): 1, tuple("bza"): 1, ("c", "d"): 2},
        ),
    }


def without_overlap(word, n):
    """Pairs that share no token, as a regular expression finds them."""
    total, last = Counter(), None
    for pair in pairwise(word):
        if pair == last:
            last = None
        else:
            total[pair] += n
            last = pair
    return total


def first_only(word, pair):
    for i in range(len(word) - 1):
        if word[i : i + 2] == pair:
            return (*word[:i], "".join(pair), *word[i + 2 :])
    return word


def from_the_right(word, pair):
    return tuple(merge(word[::-1], pair[::-1], "".join(pair))[::-1])


def in_a_string(word, pair):
    return tuple(" ".join(word).replace(" ".join(pair), "".join(pair)).split(" "))


def same_letters(word, pair):
    """Merges any two neighbors that spell the same as the pair."""
    merged = []
    for token in word:
        if merged and merged[-1] + token == "".join(pair):
            merged[-1] += token
        else:
            merged.append(token)
    return tuple(merged)


def across_words(words):
    total, last = Counter(), None
    for word, n in words.items():
        total.update(every_pair(word, n))
        if last:
            total[last, word[0]] += n
        last = word[-1]
    pair = best_of(total)
    return pair, {merged(word, pair): n for word, n in words.items()}


MERGE_STEP_MISTAKES = {
    "your result matches if a word's count is added for each pair: yours adds 1": (
        merge_step_with(lambda word, n: every_pair(word, 1))
    ),
    "your result matches if of equally frequent pairs the smaller is taken: yours is the larger": (
        merge_step_with(choose=lambda total: max(total, key=lambda pair: (total[pair], pair)))
    ),
    "your result matches if tied pairs are compared as tuples: yours are joined to strings": (
        merge_step_with(
            choose=lambda total: min(total, key=lambda pair: (-total[pair], "".join(pair)))
        )
    ),
    "your result matches if of equally frequent pairs the smaller is taken: yours came first": (
        merge_step_with(choose=lambda total: max(total, key=total.get))
    ),
    "your result matches if the most frequent pair is taken: yours is the rarest": (
        merge_step_with(choose=lambda total: min(total, key=lambda pair: (total[pair], pair)))
    ),
    "your result matches if every two neighbors count: aaa has the pair a-a twice": (
        merge_step_with(without_overlap)
    ),
    "your result matches if a pair counts each time that it is in a word, not once per word": (
        merge_step_with(lambda word, n: Counter({pair: n for pair in pairwise(word)}))
    ),
    "your result matches if the last token of a word and the first of the next are no pair": (
        across_words
    ),
    "your result matches if the pair is merged at every place of the word, not the first alone": (
        merge_step_with(apply=first_only)
    ),
    "your result matches if the merge goes from left to right: yours starts at the end": (
        merge_step_with(apply=from_the_right)
    ),
    "your result matches if whole tokens are compared: in a joined string t-h is in 'at he' too": (
        merge_step_with(apply=in_a_string)
    ),
    "your result matches if the pair itself is compared: ab-c makes the same letters as a-bc": (
        merge_step_with(apply=same_letters)
    ),
    "your result has the right pair and the words as they were: merge it": (
        merge_step_with(apply=lambda word, pair: word)
    ),
    "your result is the pair alone: return the pair and the new words": (
        lambda words: merge_step(words)[0]
    ),
    "your result is the new words alone: return the pair and the new words": (
        lambda words: merge_step(words)[1]
    ),
}


# ---- 6.2  changes(word, n, pair, new)


def changes(word, n, pair, new):
    return difference(word, merge(word, pair, new), n)


def difference(before, after, n):
    """By how much each pair's count changes, without those that do not."""
    change = Counter(pairwise(after))
    change.subtract(pairwise(before))
    return {key: n * by for key, by in change.items() if by}


def changes_inputs():
    return {
        "the example": ([1, 2, 3], 1, (1, 2), 9),
        "a word that occurs five times": ([4, 1, 2, 3], 5, (1, 2), 9),
        "the pair twice, side by side": ([1, 2, 1, 2], 2, (1, 2), 9),
        "the pair twice, apart": ([1, 2, 3, 3, 1, 2], 3, (1, 2), 9),
        "1 1 1": ([1, 1, 1, 2], 1, (1, 1), 9),
        "a pair that goes and comes": ([5, 1, 2, 7, 5, 9], 1, (1, 2), 9),
        "no such pair": ([1, 3, 2], 4, (1, 2), 9),
        "the pair alone": ([1, 2], 3, (1, 2), 9),
    }


def counts_after(word, n, pair, new):
    return {key: n * times for key, times in Counter(pairwise(merge(word, pair, new))).items()}


def with_zeros(word, n, pair, new):
    change = Counter(pairwise(merge(word, pair, new)))
    change.subtract(pairwise(word))
    return {key: n * by for key, by in change.items()}


def only(keep):
    """The right changes, of those pairs alone for which keep(key, by, pair, new)."""
    return lambda word, n, pair, new: {
        key: by for key, by in changes(word, n, pair, new).items() if keep(key, by, pair, new)
    }


def merged_once(word, n, pair, new):
    for i in range(len(word) - 1):
        if tuple(word[i : i + 2]) == pair:
            return difference(word, [*word[:i], new, *word[i + 2 :]], n)
    return {}


def merged_from_the_right(word, n, pair, new):
    return difference(word, merge(word[::-1], pair[::-1], new)[::-1], n)


def neighbors_as_they_were(word, n, pair, new, step=2):
    """Neighbors taken from the old word, even where a merge has replaced them.

    step  places to go on after a merge; with 1, a token is merged twice in 1 1 1
    """
    change, i = Counter(), 0
    while i < len(word) - 1:
        if (word[i], word[i + 1]) != pair:
            i += 1
            continue
        change[pair] -= n
        if i > 0:
            change[word[i - 1], word[i]] -= n
            change[word[i - 1], new] += n
        if i + 2 < len(word):
            change[word[i + 1], word[i + 2]] -= n
            change[new, word[i + 2]] += n
        i += step
    return {key: by for key, by in change.items() if by}


CHANGES_MISTAKES = {
    "your result matches if each change is multiplied by n": (
        lambda word, n, pair, new: changes(word, 1, pair, new)
    ),
    "your result matches if what goes away is negative, and what comes positive": (
        lambda word, n, pair, new: changes(word, -n, pair, new)
    ),
    "your result matches if pairs whose count stays are left out: yours lists them with 0": (
        with_zeros
    ),
    "your result is the counts after the merge: return the changes": counts_after,
    "your result matches if the merged pair is in it too: its own count falls": (
        only(lambda key, by, pair, new: key != pair)
    ),
    "your result matches if the new pairs are in it too, those with the new token": (
        only(lambda key, by, pair, new: by < 0)
    ),
    "your result matches if the pairs that go away are in it too": (
        only(lambda key, by, pair, new: by > 0)
    ),
    "your result matches if the neighbor to the left is looked at, too": (
        only(lambda key, by, pair, new: key[1] not in (pair[0], new) or key == pair)
    ),
    "your result matches if the neighbor to the right is looked at, too": (
        only(lambda key, by, pair, new: key[0] not in (pair[1], new) or key == pair)
    ),
    "your result matches if the pair is merged at every place, not the first alone": merged_once,
    "your result matches if the merge goes from left to right: yours starts at the end": (
        merged_from_the_right
    ),
    "your result matches if a neighbor may be a new token as well: in 1 2 1 2 both are merged": (
        neighbors_as_they_were
    ),
    "your result matches if no token is merged twice, and a neighbor may be a new token as well": (
        lambda word, n, pair, new: neighbors_as_they_were(word, n, pair, new, step=1)
    ),
}


# ---- 6.3  encode(text, encode, special)


def encode_special(text, encode, special):
    return encode_with()(text, encode, special)


def longest_first(special):
    return sorted(special, key=len, reverse=True)


def encode_with(order=longest_first, escape=re.escape, plain=lambda encode, part: encode(part)):
    """Special names out of `text`; order of the names, escape and plain encoding can be wrong."""

    def encode_text(text, encode, special):
        ids = []
        for part in re.split("(" + "|".join(map(escape, order(special))) + ")", text):
            if part:
                ids += [special[part]] if part in special else plain(encode, part)
        return ids

    return encode_text


def letters(text):
    """Stands for a real encode: 1000 and the length begin each call, so cuts can be seen."""
    return [1000 + len(text), *text.encode()]


def encode_inputs():
    one, chat = {"<|end|>": 0}, {"<|a|>": 1, "<|b|>": 2}
    return {
        "one in the middle": ("The end.<|end|>Once more", letters, one),
        "none": ("a < b | c > d", letters, one),
        "at both ends": ("<|end|>a<|end|>", letters, one),
        "two kinds, side by side": ("<|a|><|b|>hi <|b|>", letters, chat),
        "spaces around it": ("so <|end|>\n on", letters, one),
        "a space between two": ("<|end|> <|end|>", letters, one),
        "names that begin alike": ("x<end>y<end>>z", letters, {"<end>": 5, "<end>>": 6}),
        "names that overlap": ("abcde", letters, {"ab": 1, "bcd": 2}),
        "a name of signs": ("1.5*2 .* ab", letters, {".*": 7}),
        "nearly a name": ("<|End|> <|en<|end|>d|>", letters, one),
        "nothing": ("", letters, one),
    }


def first_of_each(text, encode, special):
    """Only the first place of each name."""
    ids = []
    for name in longest_first(special):
        before, found, text = text.partition(name)
        ids += encode(before) if before else []
        ids += [special[name]] if found else []
    return ids + (encode(text) if text else [])


def with_empty_parts(text, encode, special):
    ids = []
    for part in re.split("(" + "|".join(map(re.escape, longest_first(special))) + ")", text):
        ids += [special[part]] if part in special else encode(part)
    return ids


def dropped(text, encode, special):
    parts = re.split("|".join(map(re.escape, longest_first(special))), text)
    return [id for part in parts if part for id in encode(part)]


def any_case(text, encode, special):
    lower = {name.lower(): id for name, id in special.items()}
    names = "|".join(map(re.escape, longest_first(special)))
    ids = []
    for part in re.split(f"({names})", text, flags=re.I):
        if part:
            ids += [lower[part.lower()]] if part.lower() in lower else encode(part)
    return ids


def longest_anywhere(text, encode, special):
    """The longest name that occurs anywhere is taken first, then what stands on both sides."""
    for name in longest_first(special):
        if name in text:
            before, _, after = text.partition(name)
            sides = [longest_anywhere(side, encode, special) for side in (before, after)]
            return [*sides[0], special[name], *sides[1]]
    return encode(text) if text else []


ENCODE_MISTAKES = {
    "your result matches if the first name in the text is taken, not the longest anywhere": (
        longest_anywhere
    ),
    "your result has no special ids: the names were encoded as text": (
        lambda text, encode, special: encode(text) if text else []
    ),
    "your result matches if the special ids are put in: the names are lost": dropped,
    "your result matches if names are escaped: in a pattern | means 'or', . any sign": (
        encode_with(escape=str)
    ),
    "your result matches if the longest name is tried first: yours tries the shortest": (
        encode_with(order=lambda special: sorted(special, key=len))
    ),
    "your result matches if every place of a name is found, not the first alone": first_of_each,
    "your result matches if empty parts are left out: encode is called for them": with_empty_parts,
    "your result matches if a stretch of spaces is text, too: only an empty one is left out": (
        encode_with(plain=lambda encode, part: encode(part) if part.strip() else [])
    ),
    "your result matches if spaces beside a name stay in the text": (
        encode_with(plain=lambda encode, part: encode(part.strip()) if part.strip() else [])
    ),
    "your result matches if a stretch is encoded at once: yours calls encode for each character": (
        encode_with(plain=lambda encode, part: [id for letter in part for id in encode(letter)])
    ),
    "your result matches if a stretch is encoded at once: yours is cut at spaces": (
        encode_with(
            plain=lambda encode, part: [
                id for word in re.split("( )", part) if word for id in encode(word)
            ]
        )
    ),
    "your result matches if it is one flat list: yours has lists inside": (
        encode_with(plain=lambda encode, part: [encode(part)])
    ),
    "your result matches if capitals count: <|End|> is text": any_case,
}


# ---- 6.4  price(train, parallel, learned, vocab_size)


def price(train, parallel, learned, vocab_size):
    return price_with()(train, parallel, learned, vocab_size)


def flat(parallel, learned):
    return [text for name in learned for text in parallel[name]]


def ratio_of_sums(mine, english):
    return sum(mine) / sum(english)


def price_with(
    texts=flat, compare=ratio_of_sums, size_of=lambda coder, text: len(coder.encode(text))
):
    """Tokens of each language for one of English; texts, measure and comparison can be wrong."""

    def prices(train, parallel, learned, vocab_size):
        coder = train(texts(parallel, learned), vocab_size)
        sizes = {name: [size_of(coder, t) for t in parallel[name]] for name in parallel}
        return {name: compare(sizes[name], sizes["English"]) for name in parallel}

    return prices


class Words:
    """Stands for a trained vocabulary: frequent words are one token, others their bytes.

    A word at the end of a text is another word than the same inside, so that cuts can be seen.
    """

    def __init__(self, texts, vocab_size):
        if isinstance(texts, str):
            raise TypeError("train takes a list of texts, not one text")
        texts = [text + "." for text in texts]
        often = Counter(word for text in texts for word in text.split(" "))
        self.known = sorted(often, key=lambda w: (-often[w], w))[: max(0, vocab_size - 256)]

    def encode(self, text):
        ids = []
        for word in (text + ".").split(" "):
            ids += [32] if ids else []  # a space is a token, too
            ids += [256 + self.known.index(word)] if word in self.known else word.encode()
        return ids


def price_inputs():
    parallel = {
        "English": ["the bird in the tree", "rain", "the rain and the bird"],
        "German": ["der Vogel im Baum", "Regen fällt über Köln", "der Regen und der Vogel"],
        "Greek": ["το πουλί στο δέντρο", "βροχή", "η βροχή και το πουλί"],
    }
    return {
        "English alone": (Words, parallel, ["English"], 260),
        "all three": (Words, parallel, ["English", "German", "Greek"], 262),
        "Greek alone": (Words, parallel, ["Greek"], 259),
        "bytes alone": (Words, parallel, ["English"], 256),
        "a large vocabulary": (Words, parallel, ["German", "English"], 400),
        "a very large vocabulary": (Words, parallel, ["German", "English"], 520),
        "English last": (Words, dict(reversed(parallel.items())), ["English"], 260),
    }


def bytes_per_token(train, parallel, learned, vocab_size):
    coder = train(flat(parallel, learned), vocab_size)
    return {
        name: sum(len(t.encode()) for t in texts) / sum(len(coder.encode(t)) for t in texts)
        for name, texts in parallel.items()
    }


def price_of_first(train, parallel, learned, vocab_size):
    found = price(train, parallel, learned, vocab_size)
    first = next(iter(found.values()))
    return {name: by / first for name, by in found.items()}


PRICE_MISTAKES = {
    "your result matches if all tokens are summed first: yours is the mean over the sentences": (
        price_with(
            compare=lambda mine, english: (
                sum(m / e for m, e in zip(mine, english, strict=True)) / len(mine)
            )
        )
    ),
    "your result matches if a language's tokens are divided by English's: yours is the inverse": (
        price_with(compare=lambda mine, english: sum(english) / sum(mine))
    ),
    "your result is the number of tokens: divide by that of English": (
        price_with(compare=lambda mine, english: sum(mine))
    ),
    "your result matches if tokens are counted: yours are characters": (
        price_with(size_of=lambda coder, text: len(text))
    ),
    "your result matches if tokens are counted: yours are bytes": (
        price_with(size_of=lambda coder, text: len(text.encode()))
    ),
    "your result matches if the vocabulary comes from `learned`: yours is from all": (
        price_with(texts=lambda parallel, learned: flat(parallel, parallel))
    ),
    "your result matches if the vocabulary comes from `learned`: yours is from English": (
        price_with(texts=lambda parallel, learned: parallel["English"])
    ),
    "your result matches if each sentence is a text of its own: yours joins them to train": (
        price_with(texts=lambda parallel, learned: [" ".join(flat(parallel, learned))])
    ),
    "your result matches if English is the measure, not the first language": (price_of_first),
    "your result matches if vocab_size is handed on as it is: yours is smaller": (
        lambda train, parallel, learned, vocab_size: price(
            train, parallel, learned, vocab_size - 257
        )
    ),
    "your result matches if all sentences count: yours has the first of each language": (
        price_with(compare=lambda mine, english: mine[0] / english[0])
    ),
    "your result matches if English is in it, too, with 1.0": (
        lambda *args: {name: by for name, by in price(*args).items() if name != "English"}
    ),
    "your result matches if each language is in it, not those in `learned` alone": (
        lambda train, parallel, learned, vocab_size: {
            name: by
            for name, by in price(train, parallel, learned, vocab_size).items()
            if name in learned
        }
    ),
    "your result matches if each sentence is encoded alone: yours joins them by spaces": (
        lambda train, parallel, learned, vocab_size: {
            name: len(coder.encode(" ".join(parallel[name])))
            / len(coder.encode(" ".join(parallel["English"])))
            for coder in [train(flat(parallel, learned), vocab_size)]
            for name in parallel
        }
    ),
    "your result is bytes per token: compare tokens with the tokens of English": bytes_per_token,
    "your result matches if vocab_size is handed on: yours is always 400": (
        lambda train, parallel, learned, vocab_size: price(train, parallel, learned, 400)
    ),
    "your result matches if prices are not rounded": (
        lambda *args: {name: round(by, 1) for name, by in price(*args).items()}
    ),
}


EXERCISES = {
    "6.1": Exercise(merge_step, merge_step_inputs, MERGE_STEP_MISTAKES),
    "6.2": Exercise(changes, changes_inputs, CHANGES_MISTAKES),
    "6.3": Exercise(encode_special, encode_inputs, ENCODE_MISTAKES),
    "6.4": Exercise(price, price_inputs, PRICE_MISTAKES),
}

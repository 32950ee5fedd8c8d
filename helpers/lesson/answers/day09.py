"""Day 9, multi-head attention: right answers, and the mistakes people really make."""

import torch

from helpers.lesson.check import Exercise


def randn(*shape: int, seed: int) -> torch.Tensor:
    """The same random numbers at every call: `inputs` must be repeatable."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---- 9.1  parameters(vocab, positions, width, inner, layers, heads)


def counted(products=4, ways=2, norms=2, last=1, tables=1, places=1, biases=0, per_head=False):
    """The count with parts left out or counted too often."""

    def count(vocab, positions, width, inner, layers, heads):
        attention = products * width**2 * (heads if per_head else 1)
        biased = biases * (4 * width + inner + width + 2 * width)
        block = attention + ways * width * inner + norms * width + biased
        return (tables * vocab + places * positions) * width + layers * block + last * width

    return count


def parameter_inputs():
    return {
        "a toy": (10, 6, 4, 16, 1, 2),
        "three layers": (100, 50, 24, 40, 3, 3),
        "one head": (60, 20, 12, 48, 2, 1),
        "the size of GPT-2": (50_257, 1024, 768, 3072, 12, 12),
    }


PARAMETER_MISTAKES = {
    "your count matches if the table of positions is added": counted(places=0),
    "your count matches if the head is left out: it is the table of tokens (tied)": (
        counted(tables=2)
    ),
    "your count matches if o_proj is added: attention has four products": counted(products=3),
    "your count matches if the feed-forward net has both its products, up and down": (
        counted(ways=1)
    ),
    "your count matches if it has two products, up and down: a third (gate) is Qwen3's": (
        counted(ways=3)
    ),
    "your count matches if the norm after the last block is added": counted(last=0),
    "your count matches if the norms are added, two in each block and one at the end": (
        counted(norms=0, last=0)
    ),
    "your count matches if each block has two norms": counted(norms=1),
    "your count matches if norms have no bias: each is one weight per feature": (
        counted(norms=4, last=2)
    ),
    "your count matches if the attention is not multiplied by heads: they share the width": (
        counted(per_head=True)
    ),
    "your count matches if all blocks are counted: yours has one": (
        lambda vocab, positions, width, inner, layers, heads: counted()(
            vocab, positions, width, inner, 1, heads
        )
    ),
}


# ---- 9.2  silenced(mixed, W, heads, head)


def replaced(part=None, mean=None, project=None):
    """The output with one head's numbers replaced, and the ways to get that wrong."""
    part = part or (lambda size, heads, head: slice(head * size, (head + 1) * size))
    mean = mean or (lambda said: said.mean((0, 1)))
    project = project or (lambda mixed, W: mixed @ W.T)

    def silenced(mixed, W, heads, head):
        mixed = mixed.clone()
        where = part(mixed.shape[-1] // heads, heads, head)
        mixed[..., where] = mean(mixed[..., where])
        return project(mixed, W)

    return silenced


def silenced_inputs():
    mixed = randn(3, 5, 12, seed=0) + torch.linspace(-2, 2, 12)  # heads with means of their own
    mixed = mixed + randn(3, 1, 1, seed=1)  # and texts, too
    return {
        "3 heads of 4": (mixed, randn(8, 12, seed=2), 3, 1),
        "4 heads of 3": (mixed, randn(12, 12, seed=3), 4, 2),
        "the first head": (mixed, randn(8, 12, seed=4), 2, 0),
    }


def one_too_low(size, heads, head):
    """The features of the head before, as if they were counted from 1; before 0 comes the last."""
    head = (head - 1) % heads
    return slice(head * size, (head + 1) * size)


def kept_alone(mixed, W, heads, head):
    size = mixed.shape[-1] // heads
    part = slice(head * size, (head + 1) * size)
    return mixed[..., part] @ W[:, part].T


def others_silenced(mixed, W, heads, head):
    size = mixed.shape[-1] // heads
    part = slice(head * size, (head + 1) * size)
    quiet = mixed.mean((0, 1)).expand_as(mixed).clone()
    quiet[..., part] = mixed[..., part]
    return quiet @ W.T


SILENCED_MISTAKES = {
    "your result matches if the head says its mean: yours says 0": (
        replaced(mean=lambda said: torch.zeros_like(said))
    ),
    "your result matches if there is one mean for all texts: yours differs from text to text": (
        replaced(mean=lambda said: said.mean(1, keepdim=True))
    ),
    "your result matches if there is one mean for all places: yours differs from place to place": (
        replaced(mean=lambda said: said.mean(0, keepdim=True))
    ),
    "your result matches if each feature has its own mean: yours is one number for the head": (
        replaced(mean=lambda said: said.mean())
    ),
    "your result matches if each feature has its own mean: yours runs over the head's features": (
        replaced(mean=lambda said: said.mean(-1, keepdim=True))
    ),
    "your result matches if a head is a run of features side by side: yours takes every n-th": (
        replaced(part=lambda size, heads, head: slice(head, None, heads))
    ),
    "your result matches if a head has head_dim features: you took one": (
        replaced(part=lambda size, heads, head: slice(head, head + 1))
    ),
    "your result matches if heads are counted from 0": (replaced(part=one_too_low)),
    "your result matches if the others go on: yours lets this head alone speak": others_silenced,
    "your result is what this head adds: the others are missing": kept_alone,
    "your result matches if it is multiplied by W: what you return is still the heads": (
        replaced(project=lambda mixed, W: mixed)
    ),
    "your result is that of all heads: none is silenced": lambda mixed, W, heads, head: (
        mixed @ W.T
    ),
}


# ---- 9.3  induction_scores(maps, ids)


def looked_at(ids, shift=1):
    """(time, time): true where a column is `shift` after an earlier token equal to the row's."""
    places = torch.arange(len(ids))
    earlier = places[:, None] > places
    same = (ids[:, None] == ids) & earlier
    table = same.roll(shift, dims=1) if shift else same
    if shift > 0:
        table[:, :shift] = False
    if shift < 0:
        table[:, shift:] = False
    return table & (places[:, None] >= places)


def mean_weight(maps, table, rows=None):
    rows = table.any(-1) if rows is None else rows
    return (maps * table).sum(-1)[..., rows].mean(-1)


def induction_scores(maps, ids):
    return mean_weight(maps, looked_at(ids))


def with_itself(maps, ids):
    """A token counts as its own earlier occurrence."""
    same = ids[:, None] == ids
    table = torch.cat([torch.zeros_like(same[:, :1]), same[:, :-1]], dim=1)
    return mean_weight(maps, table)


def latest_only(maps, ids):
    table = looked_at(ids)
    last = table.long() * torch.arange(1, len(ids) + 1)
    return mean_weight(maps, last == last.amax(-1, keepdim=True).clamp(min=1))


def averaged(maps, ids):
    table = looked_at(ids)
    rows = table.any(-1)
    each = (maps * table).sum(-1)[..., rows] / table.sum(-1)[rows]
    return each.mean(-1)


def previous(maps, ids):
    return maps.diagonal(-1, -2, -1).mean(-1)


def as_place(maps, ids):
    found = induction_scores(maps, ids)
    return divmod(int(found.argmax()), found.shape[1])


def random_maps(layers, heads, time, seed):
    scores = 2 * randn(layers, heads, time, time, seed=seed)
    future = torch.ones(time, time, dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -torch.inf).softmax(-1)


def induction_inputs():
    return {
        "a text said twice": (random_maps(2, 3, 10, seed=0), torch.tensor([4, 7, 1, 9, 3] * 2)),
        "one word three times": (
            random_maps(3, 2, 9, seed=1),
            torch.tensor([5, 2, 8, 5, 6, 1, 5, 0, 3]),
        ),
        "a word beside itself": (
            random_maps(2, 2, 8, seed=2),
            torch.tensor([3, 3, 1, 2, 3, 0, 1, 4]),
        ),
    }


INDUCTION_MISTAKES = {
    "your result matches if the head looks behind the earlier token: yours looks at the token": (
        lambda maps, ids: mean_weight(maps, looked_at(ids, 0))
    ),
    "your result matches if the head looks behind the earlier token: yours looks before it": (
        lambda maps, ids: mean_weight(maps, looked_at(ids, -1), looked_at(ids).any(-1))
    ),
    "your result matches if the mean is over the tokens that came before: yours is over all": (
        lambda maps, ids: mean_weight(maps, looked_at(ids), torch.ones(len(ids)).bool())
    ),
    "your result matches if only earlier tokens count: every token is equal to itself": with_itself,
    "your result matches if all earlier occurrences count: yours takes the latest": latest_only,
    "your result matches if weights are summed over the earlier occurrences: yours is a mean": (
        averaged
    ),
    "your result is the score of a previous-token head: where do the ids come in?": previous,
    "your result is one head: return the scores of all, (layers, heads)": as_place,
    "your result matches if there is a score for each head: yours is for each layer": (
        lambda maps, ids: induction_scores(maps, ids).mean(1)
    ),
    "your result matches if the weights are averaged over rows: yours are summed": (
        lambda maps, ids: induction_scores(maps, ids) * looked_at(ids).any(-1).sum()
    ),
}


# ---- 9.4  deeper(state, layers)

LAST_PRODUCTS = ("self_attn.o_proj.weight", "mlp.down_proj.weight")


def grown(zero=LAST_PRODUCTS, source=-1, norms=None):
    """The state with one more layer on top, whose products in `zero` are zero."""

    def deeper(state, layers):
        old, new = f"model.layers.{source % layers}.", f"model.layers.{layers}."
        added = {}
        for name, tensor in state.items():
            if name.startswith(old):
                part = name.removeprefix(old)
                added[new + part] = (
                    tensor * 0 if zero == "all" or part in zero else tensor.clone()
                )
        return {**state, **added}

    return deeper


def at_the_bottom(state, layers):
    """The new layer is layer 0, and the others move up."""
    moved = {}
    for name, tensor in state.items():
        if name.startswith("model.layers."):
            number, part = name.removeprefix("model.layers.").split(".", 1)
            moved[f"model.layers.{int(number) + 1}.{part}"] = tensor
            if number == "0":
                quiet = part in LAST_PRODUCTS
                moved[f"model.layers.0.{part}"] = tensor * 0 if quiet else tensor.clone()
        else:
            moved[name] = tensor
    return moved


def quiet_below(state, layers):
    """The new layer is a copy, and the zeros are in the layer that it was copied from."""
    result = grown(zero=())(state, layers)
    for part in LAST_PRODUCTS:
        name = f"model.layers.{layers - 1}.{part}"
        result[name] = result[name] * 0
    return result


def state_of(layers, width, seed):
    shapes = {
        "input_layernorm.weight": (width,),
        "self_attn.q_proj.weight": (width, width),
        "self_attn.k_proj.weight": (width, width),
        "self_attn.v_proj.weight": (width, width),
        "self_attn.o_proj.weight": (width, width),
        "post_attention_layernorm.weight": (width,),
        "mlp.up_proj.weight": (2 * width, width),
        "mlp.down_proj.weight": (width, 2 * width),
    }
    names = {f"model.layers.{i}.{part}": s for i in range(layers) for part, s in shapes.items()}
    names |= {"model.embed_tokens.weight": (7, width), "model.norm.weight": (width,)}
    return {name: randn(*shape, seed=seed + i) for i, (name, shape) in enumerate(names.items())}


def deeper_inputs():
    return {
        "one layer": (state_of(1, 4, seed=0), 1),
        "three layers": (state_of(3, 2, seed=50), 3),
        "eleven layers": (state_of(11, 1, seed=100), 11),
    }


DEEPER_MISTAKES = {
    "your result matches if the new layer adds nothing: zero its o_proj and its down_proj": (
        grown(zero=())
    ),
    "your result matches if down_proj is zero as well: the feed-forward net still adds": (
        grown(zero=LAST_PRODUCTS[:1])
    ),
    "your result matches if o_proj is zero as well: the attention still adds": (
        grown(zero=LAST_PRODUCTS[1:])
    ),
    "that adds nothing either, but the last matrix of each branch is asked for, not v_proj": (
        grown(zero=("self_attn.v_proj.weight", "mlp.down_proj.weight"))
    ),
    "that adds nothing either, but the last matrix of each branch is asked for, not up_proj": (
        grown(zero=("self_attn.o_proj.weight", "mlp.up_proj.weight"))
    ),
    "that adds nothing either, but the last matrices are asked for, not v_proj and up_proj": (
        grown(zero=("self_attn.v_proj.weight", "mlp.up_proj.weight"))
    ),
    "your result matches if the other weights are copied: all zeros never learn": (
        grown(zero="all")
    ),
    "your result matches if the last layer is copied: yours is a copy of the first": (
        grown(source=0)
    ),
    "your result matches if the new layer is the last: yours is the first": at_the_bottom,
    "your result matches if the zeros are in the new layer: yours are in the old one": quiet_below,
    "your result is the state as it was: the new layer is missing": (
        lambda state, layers: dict(state)
    ),
}


EXERCISES = {
    "9.1": Exercise(counted(), parameter_inputs, PARAMETER_MISTAKES),
    "9.2": Exercise(replaced(), silenced_inputs, SILENCED_MISTAKES),
    "9.3": Exercise(induction_scores, induction_inputs, INDUCTION_MISTAKES),
    "9.4": Exercise(grown(), deeper_inputs, DEEPER_MISTAKES),
}

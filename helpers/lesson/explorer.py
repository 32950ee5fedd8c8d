"""The attention explorer: a sentence, a layer, a head, and what each token looks at.

    maps = attention_maps(model, input_ids)                      (layers, heads, time, time)
    explorer.show(words, maps, layer=1, head=4, alt="...")       a live block, or a picture

In a live notebook it is one block of HTML that carries its own data and asks no network. The
mouse, a touch, Tab and the arrow keys choose a token; two menus choose layer and head; what is
chosen is said in words, too. With SLM_STATIC=1 it is a picture of the chosen head (plots.show),
because pages that preview stored notebooks run no scripts.

Colors: white to blue by the root of the weight, so that small weights show; the frame around the
chosen token is orange. The letters stay dark on light, also in a dark notebook.
"""

import base64
import html
import json
import secrets
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from helpers.lesson import plots
from helpers.lesson.tokens import visible

STEPS = 255  # a weight travels as one byte
SHARE = 0.65  # of blue in a button at weight 1: the letters on it stay readable
WHITE_TO_BLUE = LinearSegmentedColormap.from_list("weights", ["white", plots.BLUE])


def show(
    tokens: Sequence[str | bytes],
    maps: Tensor,
    layer: int = 0,
    head: int = 0,
    alt: str = "",
    token: int = -1,
) -> None:
    """Display the weights of one text; live with menus for layer and head, else as a picture.

    tokens: time texts, or the bytes of the tokens; maps: (layers, heads, time, time), whose row i
    says how much token i takes from each; layer, head, token: what is chosen at first; alt: one or
    two sentences for those who cannot see it. ValueError if they do not fit together.
    """
    require_fit(tokens, maps, layer, head, token, alt)
    names = [name_of(piece) for piece in tokens]
    token = token % len(names)
    if plots.is_static():
        plots.show(picture(names, maps[layer, head], layer, head, token), alt)
        return
    from IPython.display import display

    page = as_html(names, maps, layer, head, alt, token)
    display({"text/html": page, "text/plain": alt}, raw=True)


def require_fit(
    tokens: Sequence[str | bytes], maps: Tensor, layer: int, head: int, token: int, alt: str
) -> None:
    """ValueError, with the remedy, unless `show` can draw this."""
    time = len(tokens)
    if maps.dim() != 4 or maps.shape[2:] != (time, time) or time == 0:
        raise ValueError(
            f"{time} tokens and maps of shape {tuple(maps.shape)}: give one text for each token, "
            "and maps of shape (layers, heads, time, time)"
        )
    if not ((maps >= -1e-3) & (maps <= 1 + 1e-3)).all():
        raise ValueError("weights lie between 0 and 1: give the softmax, not the scores")
    layers, heads = maps.shape[:2]
    if not (0 <= layer < layers and 0 <= head < heads and -time <= token < time):
        raise ValueError(
            f"layer {layer}, head {head}, token {token}: there are {layers} layers, {heads} heads "
            f"and {time} tokens, counted from 0"
        )
    if not alt:
        raise ValueError("no alt text: say in a sentence what this head looks at")


def name_of(piece: str | bytes) -> str:
    """A token as it is drawn: signs for spaces and line ends; ⟨⟩ for a token without a text."""
    data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
    return visible(data) or "⟨⟩"


def spoken(name: str) -> str:
    """A name as it is said in a sentence: without the sign of the space before a word.

    >>> spoken("·kite"), spoken("·")
    ('kite', '·')
    """
    return name.strip("·") or name


def sentence(names: Sequence[str], weights: Tensor, token: int) -> str:
    """What one token looks at, the three largest weights in words; weights: (time, time)."""
    row = weights[token].tolist()
    best = sorted(range(len(row)), key=lambda place: -row[place])[:3]
    parts = [
        f"“{spoken(names[i])}” {int(100 * row[i] + 0.5)} %" for i in best if row[i] >= 0.01
    ]
    return f"“{spoken(names[token])}” looks at {', '.join(parts) or 'nothing in particular'}."


# ---- live: one block of HTML


def as_html(
    names: Sequence[str], maps: Tensor, layer: int, head: int, alt: str, token: int
) -> str:
    """The live block: menus, a button for each token, a sentence, a map. Needs no network.

    Every control has a label, every id is used once on a page, and names are escaped. The script
    is stopped by pages that do not trust the notebook; the first sentence is there all the same.
    """
    id = f"attention-{secrets.token_hex(6)}"
    layers, heads = maps.shape[:2]
    packed = to_bytes(maps)
    first = sentence(names, packed[layer, head].float() / STEPS, token)
    buttons = "".join(button(name, i == token) for i, name in enumerate(names))
    start = {"heads": heads, "token": token, "steps": STEPS, "share": SHARE}
    data = base64.b64encode(packed.numpy().tobytes()).decode()
    call = ", ".join(map(as_script, (id, start, data)))
    return (
        f'<div id="{id}" role="group" aria-label="{html.escape(alt)}" '
        f'data-lm-suppress-shortcuts="true"><style>{STYLE.replace("ID", id)}</style>'
        f"<div>{menu(id, 'layer', layers, layer)} {menu(id, 'head', heads, head)}</div>"
        f'<div class="tokens" role="toolbar" aria-label="tokens, chosen by the arrow keys">'
        f'{buttons}</div><p role="status" aria-live="polite">{html.escape(first)}</p>'
        f'<canvas role="img" aria-label="the weights of all tokens: a row looks at the columns">'
        f"</canvas><script>({SCRIPT})({call});</script></div>"
    )


def to_bytes(maps: Tensor) -> Tensor:
    """Weights from 0 to 1 as whole numbers from 0 to 255: (layers, heads, time, time), uint8."""
    return (maps.detach().float().cpu().clamp(0, 1) * STEPS).round().byte().contiguous()


def menu(id: str, what: str, choices: int, chosen: int) -> str:
    """A labelled native menu with the numbers from 0."""
    marks = (" selected" if i == chosen else "" for i in range(choices))
    options = "".join(f"<option{mark}>{i}</option>" for i, mark in enumerate(marks))
    return (
        f'<label for="{id}-{what}">{what}</label> '
        f'<select id="{id}-{what}" class="{what}">{options}</select>'
    )


def button(name: str, chosen: bool) -> str:
    """A token; only the chosen one is reached by Tab, the others by the arrow keys."""
    return (
        f'<button type="button" tabindex="{0 if chosen else -1}" '
        f'aria-pressed="{str(chosen).lower()}" aria-label="{html.escape(spoken(name))}">'
        f"<span>{html.escape(name)}</span><small></small></button>"
    )


def as_script(value: object) -> str:
    """A value as JavaScript that cannot end its own script element.

    >>> as_script("</script>")
    '"\\\\u003c/script>"'
    """
    return json.dumps(value).replace("<", "\\u003c")


STYLE = """
#ID { max-width: 720px; padding: 8px 10px; background: #fff; color: #111; border: 1px solid #bbb;
  font: 14px/1.4 sans-serif; }
#ID select { margin-right: 12px; font: inherit; color: #111; background: #fff; }
#ID .tokens { margin: 8px 0; display: flex; flex-wrap: wrap; gap: 3px; }
#ID button { display: inline-flex; flex-direction: column; align-items: center; margin: 0;
  padding: 2px 4px; min-width: 30px; color: #111; background: #fff; border: 2px solid #ddd;
  border-radius: 3px; font: 13px/1.3 monospace; cursor: pointer; }
#ID button[aria-pressed=true] { border-color: #D55E00; }
#ID button:focus-visible { outline: 3px solid #111; outline-offset: 1px; }
#ID small { min-height: 14px; font: 11px/14px sans-serif; }
#ID p { margin: 6px 0; }
#ID canvas { max-width: 100%; border: 1px solid #bbb; image-rendering: pixelated; }
"""

SCRIPT = """function (id, start, data) {
  "use strict";
  function begin(triesLeft) {
    var root = document.getElementById(id);
    if (!root) {  // not on the page yet
      if (triesLeft) { setTimeout(function () { begin(triesLeft - 1); }, 100); }
      return;
    }
    var bytes = atob(data), chosen = start.token;
    var bar = root.querySelector(".tokens"), buttons = bar.querySelectorAll("button");
    var layer = root.querySelector(".layer"), head = root.querySelector(".head");
    var status = root.querySelector("p"), canvas = root.querySelector("canvas");
    var time = buttons.length, cell = Math.max(2, Math.floor(260 / time));

    function weight(row, column) {
      var map = layer.selectedIndex * start.heads + head.selectedIndex;
      return bytes.charCodeAt((map * time + row) * time + column) / start.steps;
    }
    function blue(opacity) { return "rgba(0,114,178," + opacity.toFixed(3) + ")"; }
    function percent(value) { return Math.floor(100 * value + 0.5) + " %"; }
    function quoted(place) {
      return "\\u201c" + buttons[place].getAttribute("aria-label") + "\\u201d";
    }

    function inWords(row) {
      var places = Array.from(buttons.keys());
      places.sort(function (a, b) { return weight(row, b) - weight(row, a) || a - b; });
      var parts = places.slice(0, 3).filter(function (j) { return weight(row, j) >= 0.01; });
      parts = parts.map(function (j) { return quoted(j) + " " + percent(weight(row, j)); });
      return quoted(row) + " looks at " + (parts.join(", ") || "nothing in particular") + ".";
    }
    function paintMap(row) {
      var pen = canvas.getContext("2d");
      canvas.width = canvas.height = time * cell;
      for (var i = 0; i < time; i++) {
        for (var j = 0; j < time; j++) {
          pen.fillStyle = blue(Math.sqrt(weight(i, j)));
          pen.fillRect(j * cell, i * cell, cell, cell);
        }
      }
      pen.strokeStyle = "#D55E00";
      pen.lineWidth = 2;
      pen.strokeRect(1, row * cell, time * cell - 2, cell);
    }
    function paint(row) {
      buttons.forEach(function (one, j) {
        var value = weight(row, j);
        one.style.background = blue(start.share * Math.sqrt(value));
        one.lastChild.textContent = value < 0.005 ? "" : percent(value);
      });
      status.textContent = inWords(row);
      paintMap(row);
    }
    function choose(row) {
      buttons[chosen].tabIndex = -1;
      buttons[row].tabIndex = 0;
      buttons[chosen].setAttribute("aria-pressed", "false");
      buttons[row].setAttribute("aria-pressed", "true");
      chosen = row;
      paint(row);
    }
    function placeOf(event) {
      return Array.prototype.indexOf.call(buttons, event.target.closest("button"));
    }
    function withToken(act) {
      return function (event) { var i = placeOf(event); if (i >= 0) { act(i); } };
    }

    bar.addEventListener("click", withToken(choose));
    bar.addEventListener("focusin", withToken(choose));
    bar.addEventListener("mouseover", withToken(paint));
    bar.addEventListener("mouseleave", function () { paint(chosen); });
    bar.addEventListener("keydown", function (event) {
      var steps = { ArrowRight: 1, ArrowLeft: -1, Home: -time, End: time };
      if (!(event.key in steps)) { return; }
      event.preventDefault();
      buttons[Math.min(time - 1, Math.max(0, chosen + steps[event.key]))].focus();
    });
    canvas.addEventListener("click", function (event) {
      var box = canvas.getBoundingClientRect();
      var row = Math.floor((event.clientY - box.top) / box.height * time);
      choose(Math.min(time - 1, Math.max(0, row)));
    });
    [layer, head].forEach(function (menu) {
      menu.addEventListener("change", function () { paint(chosen); });
    });
    root.addEventListener("keydown", function (event) { event.stopPropagation(); });
    paint(chosen);
  }
  begin(50);
}"""


# ---- static: a picture


def picture(names: Sequence[str], weights: Tensor, layer: int, head: int, token: int) -> Figure:
    """The map of one head, and beside it the text as the chosen token sees it."""
    title = f"Layer {layer}, head {head}: what each token takes from the others"
    fig, axes = plots.figure(title, plots.MAX_WIDTH, plots.MAX_HEIGHT, ncols=2)
    draw_map(axes[0], names, weights)
    mark = Rectangle((-0.5, token - 0.5), len(names), 1, fill=False, ec=plots.ORANGE, lw=1.5)
    axes[0].add_patch(mark)
    draw_text(axes[1], names, weights, token)
    return fig


def draw_map(ax: Axes, names: Sequence[str], weights: Tensor) -> None:
    """Rows look at columns: weights (time, time), from white for 0 to blue for 1."""
    time, names = len(names), [name if len(name) < 14 else f"{name[:12]}…" for name in names]
    ax.imshow(
        weights.detach().float().cpu().numpy(), cmap=WHITE_TO_BLUE, norm=PowerNorm(0.5, 0, 1)
    )
    size = min(
        8, 0.55 * 72 * ax.figure.get_figheight() / time
    )  # in points: rows do not overlap
    look = dict(fontsize=max(3, size), family="monospace")
    ax.set_xticks(range(time), names, rotation=90, **look)
    ax.set_yticks(range(time), names, **look)
    ax.tick_params(length=0, pad=1)
    ax.set(xlabel="is looked at", ylabel="looks")
    ax.grid(False)


def draw_text(
    ax: Axes, names: Sequence[str], weights: Tensor, token: int, line: int = 26
) -> None:
    """The text in lines of about `line` letters, shaded by the weights of one token."""
    row, x, y = weights[token].clamp(0, 1).tolist(), 0, 0
    for place, name in enumerate(names):
        if x and x + len(name) > line:
            x, y = 0, y - 1
        blue = WHITE_TO_BLUE(SHARE * row[place] ** 0.5)
        edge = dict(ec=plots.ORANGE, lw=1.5, zorder=2) if place == token else dict(ec="#ddd")
        ax.add_patch(Rectangle((x, y - 0.4), len(name), 0.8, fc=blue, **edge))
        look = dict(ha="center", va="center", family="monospace", size=6, zorder=3)
        ax.text(x + len(name) / 2, y, name, **look)
        x += len(name) + 0.4
    ax.set(xlim=(-0.5, line + 6), ylim=(min(y, -9) - 0.8, 0.8))
    words = sentence(names, weights, token)
    ax.set_title(textwrap.fill(words, 38), fontsize=7.5)
    ax.axis("off")

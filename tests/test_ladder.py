"""The ladder keeps what was measured, and says so when its file is broken."""

import json

import pytest

from helpers.lesson import ladder, plots

ENTRY = dict(parameters=1000, tokens=5000, tokens_per_second=99.5, bytes=4000, day=9)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("SLM_SCALE", "cpu")
    return tmp_path / "new folder" / "ladder.json"


def test_a_rung_comes_back_as_it_was_put_in(path):
    put = ladder.add("GPT", bits_per_byte=[0.2, 0.4], path=path, **ENTRY)
    assert ladder.rungs(path) == [put]
    assert (put.mean, put.spread) == (pytest.approx(0.3), pytest.approx(0.02**0.5))
    assert (put.name, put.day, put.parameters, put.scale) == ("GPT", 9, 1000, "cpu")


def test_the_same_name_replaces_and_others_stay(path):
    ladder.add("MQA", bits_per_byte=[0.3], path=path, **{**ENTRY, "day": 11})
    ladder.add("GPT", bits_per_byte=[0.5], path=path, **ENTRY)
    ladder.add("GPT", bits_per_byte=[0.4], path=path, **ENTRY)
    assert [(r.name, r.bits_per_byte) for r in ladder.rungs(path)] == [
        ("GPT", (0.4,)),
        ("MQA", (0.3,)),
    ]


def test_rungs_of_another_scale_are_kept_but_not_shown(path, monkeypatch):
    ladder.add("GPT", bits_per_byte=[0.4], path=path, **ENTRY)
    monkeypatch.setenv("SLM_SCALE", "tiny")
    assert ladder.rungs(path) == []
    ladder.add("GPT", bits_per_byte=[0.9], path=path, **ENTRY)
    monkeypatch.setenv("SLM_SCALE", "cpu")
    assert [rung.mean for rung in ladder.rungs(path)] == [0.4]


def test_a_day_that_is_read_again_does_not_show_what_comes_later(path):
    for day, name in ((9, "GPT"), (11, "MQA"), (12, "GQA-2")):
        ladder.add(name, bits_per_byte=[0.4, 0.5], path=path, **{**ENTRY, "day": day})
    assert [r.name for r in ladder.rungs(path, until=11)] == ["GPT", "MQA"]
    assert "GQA-2" in ladder.table(path) and "GQA-2" not in ladder.table(path, until=11)
    ticks = ladder.draw(path=path, until=11).axes[0].get_yticklabels()
    assert [tick.get_text() for tick in ticks] == ["MQA (day 11)", "GPT (day 9)"]


def test_there_is_no_ladder_at_first(path):
    assert ladder.rungs(path) == []
    assert len(ladder.table(path).splitlines()) == 1


@pytest.mark.parametrize(
    "content", ["{", "[1]", '[{"name": "GPT"}]', '{"a": 1}', '["x"]', "nonsense", "3"]
)
def test_a_broken_file_is_refused_with_the_remedy(path, content):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(ValueError, match="is broken .*: delete it"):
        ladder.rungs(path)
    with pytest.raises(ValueError, match="delete it"):
        ladder.add("GPT", bits_per_byte=[0.4], path=path, **ENTRY)
    assert path.read_text() == content  # nothing is lost


@pytest.mark.parametrize("values", [[], [0.0], [0.3, -1.0], [float("nan")]])
def test_a_rung_without_a_measurement_is_refused(path, values):
    with pytest.raises(ValueError, match="a number above 0 for each seed"):
        ladder.add("GPT", bits_per_byte=values, path=path, **ENTRY)
    assert not path.exists()


def test_the_file_is_plain_json(path):
    ladder.add("GPT", bits_per_byte=(0.25,), path=path, **ENTRY)
    (row,) = json.loads(path.read_text())
    assert row["bits_per_byte"] == [0.25]


def test_the_table_has_a_line_for_each_rung(path):
    ladder.add("GPT", bits_per_byte=[0.2, 0.4], path=path, **ENTRY)
    line = ladder.table(path).splitlines()[1]
    assert line.split() == [
        "9",
        "GPT",
        "1,000",
        "0.3000",
        "±",
        "0.1414",
        "5,000",
        "100",
        "0.00",
    ]


def test_the_figure_names_every_model_and_the_floor(path):
    ladder.add("GPT", bits_per_byte=[0.2, 0.4], path=path, **ENTRY)
    ladder.add("one more", bits_per_byte=[0.25], path=path, **{**ENTRY, "day": 10})
    fig = ladder.draw({"pairs of tokens": 0.5, "the floor": 0.1}, path=path)
    (ax,) = fig.axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["pairs of tokens", "GPT (day 9)", "one more (day 10)"]  # worst first
    words = [text.get_text().strip() for text in ax.texts]
    assert {"0.500", "0.300 ± 0.141", "0.250", "the floor: 0.100"} <= set(words)
    assert len(plots.small_png(fig)) > 1000

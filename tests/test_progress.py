"""The bar says how far it is and how long it takes, wherever it is shown."""

import io
import sys

import pytest

from helpers.lesson import progress


@pytest.fixture
def time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_time_left_follows_from_the_speed_of_this_process(time):
    bar = progress.Bar(total=100, what="training", done=40)
    time[0] = 30.0  # 20 steps in 30 seconds: 40 more take 60
    line = bar.line(60, "loss 1.5")
    assert line.startswith("training ") and line.endswith(" 60%  1:00 left  loss 1.5")
    assert line.count("█") == 14 and line.count("░") == 10


def test_a_log_file_gets_few_lines_and_the_last(time, monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    bar = progress.Bar(total=1000, what="x")
    for step in range(1, 1001):
        time[0] += 0.1
        bar.update(step)
    lines = log.getvalue().splitlines()
    assert len(lines) <= 7
    assert "100%" in lines[-1] and "\033" not in log.getvalue()


def test_without_a_name_nothing_is_shown(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    bar = progress.Bar(total=2, what="")
    bar.update(2, "done")
    bar.close()
    assert log.getvalue() == ""


def test_a_terminal_gets_one_green_line_that_is_written_over(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    bar = progress.Bar(total=2, what="x")
    bar.update(1)
    bar.close()
    assert screen.getvalue().count("\r") == 2 and progress.GREEN in screen.getvalue()
    assert screen.getvalue().endswith("\n")


def test_a_notebook_gets_one_output_that_is_replaced(monkeypatch):
    shown = []
    monkeypatch.setattr(progress, "in_notebook", lambda: True)

    class Handle:
        def update(self, data, raw):
            shown.append(("update", data))

    def display(data, raw, display_id):
        shown.append(("display", data))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    bar = progress.Bar(total=2, what="a < b")
    bar.update(2)
    assert [kind for kind, _ in shown] == ["display", "update"]
    assert "a &lt; b" in shown[1][1]["text/html"] and "100%" in shown[1][1]["text/plain"]

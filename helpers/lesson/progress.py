"""A green bar of text with the time left, in a terminal, a notebook or a log file.

    bar = Bar(total=500, what="training")
    bar.update(20, "loss 3.21")
    bar.close()

Progress goes to standard error, so that a command's standard output stays clean. In a notebook
the bar is one output that is replaced, and what is stored is its last state, as plain text too.
"""

import html
import shutil
import sys
import time

GREEN, PLAIN = "\033[32m", "\033[0m"
QUIET_SECONDS = 20  # a log file gets a line this often


def in_notebook() -> bool:
    """Whether a Jupyter or Colab kernel runs this process."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds.

    >>> clock(75.2)
    '1:15'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Bar:
    """The progress of `total` steps, of which `done` were done before this process began.

    what: stands before the bar; with an empty one nothing is shown, for a step of a larger whole.
    """

    def __init__(self, total: int, what: str, done: int = 0, width: int = 24) -> None:
        self.total, self.what, self.first, self.width = total, what, done, width
        self.begin = self.shown = time.perf_counter()
        self.handle = None
        self.update(done)

    def line(self, done: int, note: str) -> str:
        """The bar as text: filled part, share, time left, note."""
        filled = self.width * done // self.total
        took = time.perf_counter() - self.begin
        speed = (done - self.first) / took if took > 0 else 0
        left = clock((self.total - done) / speed) if speed else "-:--"
        bar = "█" * filled + "░" * (self.width - filled)
        return f"{self.what} {bar} {done / self.total:4.0%}  {left} left  {note}".rstrip()

    def update(self, done: int, note: str = "") -> None:
        """Show that `done` steps are done; `note` stands behind the bar."""
        if not self.what:
            return
        text = self.line(done, note)
        if in_notebook():
            self._display(text)
        elif sys.stderr.isatty():
            columns = shutil.get_terminal_size().columns
            print(f"\r{GREEN}{text[: columns - 1]}{PLAIN}\033[K", end="", file=sys.stderr)
        elif done == self.total or time.perf_counter() - self.shown > QUIET_SECONDS:
            self.shown = time.perf_counter()
            print(text, file=sys.stderr)

    def close(self) -> None:
        """End the line, so that the next print does not write over the bar."""
        if self.what and not in_notebook() and sys.stderr.isatty():
            print(file=sys.stderr)

    def _display(self, text: str) -> None:
        from IPython.display import display

        style = "color:#009E73;margin:0;font-family:monospace;white-space:pre"
        data = {
            "text/html": f'<pre style="{style}">{html.escape(text)}</pre>',
            "text/plain": text,
        }
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)

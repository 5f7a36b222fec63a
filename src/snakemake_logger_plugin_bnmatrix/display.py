"""Where the words appear: lines, or one display at the bottom of a terminal."""

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_bnmatrix.run import Run
from snakemake_logger_plugin_bnmatrix.wording import (
    estimate,
    label,
    last_message,
    plural,
    status_line,
)

#: The longest time without a line, in seconds, with a second to spare: users should not wait
#: for more than 30 s.
SILENCE_SECONDS = 29.0
#: The shortest time between a line and one about a stage that begins, in seconds.
_BETWEEN_STAGES = 2.0
#: The largest number of running jobs on the display.
_JOBS_SHOWN = 8


class Display(Protocol):
    """Shows messages and the state of a run."""

    def say(self, text: str, style: str = "") -> None:
        """Show a message, which stays."""

    def stage(self) -> None:
        """Tell that a stage of the work begins."""

    def tick(self) -> None:
        """Show the state if it is time to; to be called every second."""

    def close(self) -> None:
        """Remove what does not stay."""


class Lines:
    """Lines, each with the time, for files and pipes."""

    def __init__(self, console: Console, run: Run, clock: Callable[[], float], quiet: bool):
        """Show a run on a console.

        Args:
            console: where the lines go.
            run: the state.
            clock: returns the time in seconds.
            quiet: whether to leave out the state.
        """
        self._console, self._run, self._clock, self._quiet = console, run, clock, quiet
        self._said = clock()

    def say(self, text: str, style: str = "") -> None:
        """Write a message."""
        self._said = self._clock()
        self._console.print(Text(text, style), soft_wrap=True)

    def stage(self) -> None:
        """Write the state, unless a line has just been written."""
        if self._clock() - self._said >= _BETWEEN_STAGES:
            self._state()

    def _state(self) -> None:
        if not self._quiet:
            self.say(f"{time.strftime('%H:%M:%S')} {status_line(self._run, self._clock())}")

    def tick(self) -> None:
        """Write the state if nothing was written for :data:`SILENCE_SECONDS`."""
        if self._clock() - self._said >= SILENCE_SECONDS:
            self._state()

    def close(self) -> None:
        """Do nothing: all lines stay."""


class Terminal:
    """One display at the bottom of a terminal, below the messages."""

    def __init__(self, console: Console, run: Run, clock: Callable[[], float]):
        """Show a run on a console; ``clock`` returns the time in seconds."""
        self._console, self._run, self._clock = console, run, clock
        self._live = Live(
            console=console,
            get_renderable=self.rendered,
            refresh_per_second=2,
            transient=True,
            # The jobs have the streams of this process.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def say(self, text: str, style: str = "") -> None:
        """Write a message above the display."""
        self._console.print(Text(text, style), soft_wrap=True)

    def stage(self) -> None:
        """Do nothing: the display shows the state all the time."""

    def tick(self) -> None:
        """Do nothing: the display refreshes itself."""

    def close(self) -> None:
        """Remove the display."""
        self._live.stop()

    def rendered(self) -> Group:
        """Return what the display shows now."""
        run, now = self._run, self._clock()
        if not run.total:
            return Group(Text("Planning the jobs …", style="dim"))
        left = run.remaining(now)
        minutes, seconds = divmod(int(now - run.began), 60)
        words = f"{run.number_done}/{run.total} jobs"
        words += f", {estimate(left)} left" if left is not None else ""
        words += f", {minutes}:{seconds:02d} so far"
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True)
        bar.add_row(ProgressBar(total=1.0, completed=run.work_done(now)), words)
        rows = [Text(f"  {line}", no_wrap=True, overflow="ellipsis") for line in self._jobs()]
        pages = [Text(f"→ {page}", no_wrap=True, overflow="ellipsis") for page in run.pages[:3]]
        return Group(bar, *rows, *pages)

    def _jobs(self) -> list[str]:
        """Return a line per running job."""
        running = list(self._run.running.values())
        lines = []
        for job in running[:_JOBS_SHOWN]:
            message = last_message(job, longest=200)
            lines.append(label(job.rule, job.wildcards) + (f": {message}" if message else ""))
        if len(running) > _JOBS_SHOWN:
            lines.append(f"and {plural(len(running) - _JOBS_SHOWN, 'more jobs')}")
        return lines

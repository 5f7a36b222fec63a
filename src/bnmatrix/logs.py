"""Logging: all messages go to a log file, and progress goes to the terminal as well."""

import faulthandler
import logging
import os
import sys
from pathlib import Path

#: Level of the messages that also appear on the terminal.
PROGRESS = logging.INFO + 5


def set_up(log_file: str | None) -> None:
    """Send all messages to ``log_file``, and those of level PROGRESS to standard output as well.

    Output of libraries on standard error also goes to the file. Without a file, all messages go to
    standard error.
    """
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    logging.addLevelName(PROGRESS, "PROGRESS")
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        with Path(log_file).open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), sys.stderr.fileno())
        # After a crash in compiled code, the log has Python's stack.
        faulthandler.enable()
        terminal = logging.StreamHandler(sys.stdout)
        terminal.addFilter(lambda record: record.levelno == PROGRESS)
        root.addHandler(terminal)
    everything = logging.StreamHandler(sys.stderr)
    everything.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root.addHandler(everything)
    # Libraries log details, such as font look-ups, that do not help readers of the log.
    for name in ("matplotlib", "fontTools", "urllib3", "tensorflow", "absl", "h5py"):
        logging.getLogger(name).setLevel(logging.ERROR)

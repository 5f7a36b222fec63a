"""Logging: all messages of a command go to its log file."""

import faulthandler
import logging
import os
import sys
from pathlib import Path


def set_up(log_file: str | None) -> None:
    """Send all messages, and what libraries write to standard error, to ``log_file``.

    The console of the main process shows the last message of each running job. Without a file, all
    messages go to standard error.
    """
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        with Path(log_file).open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), sys.stderr.fileno())
        # After a crash in compiled code, the log has Python's stack.
        faulthandler.enable()
    everything = logging.StreamHandler(sys.stderr)
    # Whoever runs a command by hand sees when a message comes.
    form = "%(asctime)s %(levelname)s %(message)s" if log_file else "%(message)s"
    everything.setFormatter(logging.Formatter(form))
    root.addHandler(everything)
    # Libraries log details, such as font look-ups, that do not help readers of the log.
    for name in ("matplotlib", "fontTools", "urllib3", "tensorflow", "absl", "h5py"):
        logging.getLogger(name).setLevel(logging.ERROR)

"""Logging: a log file that has everything, and a terminal that has what someone watching needs."""

import faulthandler
import logging
import os
import sys
from pathlib import Path

#: Level of a message that someone watching should see, and not only the log's reader.
PROGRESS = logging.INFO + 5


def set_up(log_file: str | None) -> None:
    """Send all messages to ``log_file``, and those from PROGRESS up to standard output as well.

    What libraries write to standard error by themselves goes to the file, too. Without a file,
    messages go to standard error.
    """
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    logging.addLevelName(PROGRESS, "PROGRESS")
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        with Path(log_file).open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), sys.stderr.fileno())
        # A crash in compiled code leaves where Python was.
        faulthandler.enable()
        terminal = logging.StreamHandler(sys.stdout)
        terminal.addFilter(lambda record: record.levelno == PROGRESS)
        root.addHandler(terminal)
    everything = logging.StreamHandler(sys.stderr)
    everything.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root.addHandler(everything)
    # Libraries' chatter (font look-ups, retries) is not ours to pass on.
    for name in ("matplotlib", "fontTools", "urllib3", "tensorflow", "absl", "h5py"):
        logging.getLogger(name).setLevel(logging.ERROR)

"""Running a stage in a child process, so that the parent can report how a signal ended it."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

#: The usual cause of each signal, for the message.
_MEANINGS = {
    signal.SIGKILL: "another process or a user ended it, or the system ran out of memory",
    signal.SIGSEGV: "a crash in compiled code; the log has Python's stack",
    signal.SIGABRT: "compiled code aborted; the log has the message",
    signal.SIGBUS: "a crash in compiled code, or a file or shared memory was removed during use",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGFPE: "a crash in compiled code; the log has Python's stack",
    signal.SIGTERM: "another process asked it to end",
    signal.SIGINT: "interrupted",
    signal.SIGXCPU: "it reached its limit of processor time",
}

#: Linux's prctl option: the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def supervised(work: Callable[[], int], command: str, log_file: Path) -> int:
    """Run ``work`` in a child process and return its exit status.

    If a signal ends the child, a line that names the signal goes to the log file and to standard
    output. The status is then 128 + the signal's number, as in a shell.

    Args:
        work: the function to run, which returns the exit status. No thread may run before.
        command: the name of the command, for the message.
        log_file: the child's log file.
    """
    began = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        status = 1
        try:
            _die_with_parent()
            status = work()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not sys.exit, which would run the exit handlers of the parent.
            os._exit(status)

    def pass_on(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    signal.signal(signal.SIGTERM, pass_on)
    # The terminal sends Ctrl-C to both processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    # ru_maxrss is in KB on Linux, in bytes on macOS.
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    name = _name(-code)
    message = (
        f"{command}: killed by {name}; {_meaning(-code)}. "
        f"It ran for {time.monotonic() - began:.0f} s and used up to {peak:.0f} MB. "
        f"Log: {log_file}"
    )
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a", encoding="utf-8") as log:
        log.write(f"{message}\n")
    print(message, flush=True)
    return 128 - code


def _die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _meaning(number: int) -> str:
    try:
        return _MEANINGS[signal.Signals(number)]
    except (KeyError, ValueError):
        return "see signal(7)"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""Running a stage in a child process, so that one that is killed still has its cause told."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

#: What a signal usually means, for people.
_MEANINGS = {
    signal.SIGKILL: "something outside ended it; if nobody did, the system ran out of memory",
    signal.SIGSEGV: "a crash in compiled code; the log has where Python was",
    signal.SIGABRT: "compiled code gave up; the log has its message",
    signal.SIGBUS: "a crash in compiled code, or a file or shared memory that vanished",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGFPE: "a crash in compiled code; the log has where Python was",
    signal.SIGTERM: "something asked it to end",
    signal.SIGINT: "interrupted",
    signal.SIGXCPU: "it used all the processor time that it was allowed",
}

#: Linux's prctl option: the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def supervised(work: Callable[[], int], command: str, log_file: Path) -> int:
    """Run ``work`` in a child process and return its exit status.

    If a signal ends the child, a line that names the signal goes to the log file and to standard
    output, and the status is 128 + the signal's number, as a shell has it.

    Args:
        work: what to do; returns the exit status. Must be called before anything starts a thread.
        command: its name, for the message.
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
            # Not sys.exit: the parent's exit handlers are the parent's.
            os._exit(status)

    def pass_on(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    signal.signal(signal.SIGTERM, pass_on)
    # Ctrl-C reaches both by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    # ru_maxrss is in KB on Linux, in bytes on macOS.
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    name = _name(-code)
    message = (
        f"{command}: killed by {name}; {_MEANINGS.get(-code, 'see signal(7)')}. "
        f"It ran for {time.monotonic() - began:.0f} s and took {peak:.0f} MB at most. "
        f"Log: {log_file}"
    )
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a", encoding="utf-8") as log:
        log.write(f"{message}\n")
    print(message, flush=True)
    return 128 - code


def _die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, where the kernel can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

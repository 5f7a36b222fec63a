"""Running a stage in a child process: the parent reports how it ended, and ends it in time.

Snakemake runs a rule's command in a shell, and most shells replace themselves with the command:
Snakemake → supervisor (:func:`supervised`) → child, which does the work.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

#: Environment variable with the number of the process that runs Snakemake: its jobs end with it.
SNAKEMAKE_VARIABLE = "BNMATRIX_SNAKEMAKE"

#: Exit status of a child that ran out of memory and could still say so.
OUT_OF_MEMORY = 12

#: The usual cause of each signal, for the message.
_MEANINGS = {
    signal.SIGKILL: "another process or a user ended it, or the system ran out of memory",
    signal.SIGSEGV: "a crash in compiled code; the log has Python's stack",
    signal.SIGABRT: "compiled code aborted; the log has the message",
    signal.SIGBUS: "a crash in compiled code, or a file or shared memory was removed during use",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGFPE: "a crash in compiled code; the log has Python's stack",
    signal.SIGTERM: "Snakemake or another process asked it to end",
    signal.SIGINT: "interrupted",
    signal.SIGXCPU: "it reached its limit of processor time",
}

_MORE_MEMORY = "Run fewer jobs at once (--cores), or use a machine with more memory"

#: Seconds between two looks at whether Snakemake is still there.
_LOOK_SECONDS = 1.0

#: Linux's prctl option: the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def supervised(work: Callable[[], int], command: str, log_file: Path) -> int:
    """Run ``work`` in a child process and return its exit status.

    If a signal or a lack of memory ends the child, a line that says so goes to the log file, and to
    standard output unless Snakemake runs this. After a signal, the status is 128 + its number, as
    in a shell. The child ends when this process gets SIGTERM, when it dies, and when the Snakemake
    that runs it dies.

    Args:
        work: the function to run, which returns the exit status. No thread may run before.
        command: the name of the command, for the message.
        log_file: the child's log file.
    """
    began = time.monotonic()
    kills_before = _oom_kills()
    child = _start(work)
    orphaned = _end_with_others(child)
    _, status, usage = os.wait4(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0 and code != OUT_OF_MEMORY:
        return code
    if orphaned:
        cause = "ended, because the process of Snakemake is gone"
    elif code == OUT_OF_MEMORY:
        cause = f"ran out of memory. {_MORE_MEMORY}"
    elif code == -signal.SIGKILL and _oom_kills() > kills_before:
        cause = f"killed by the system, which ran out of memory. {_MORE_MEMORY}"
    else:
        cause = f"killed by {_name(-code)}; {_meaning(-code)}"
    # ru_maxrss is in KB on Linux, in bytes on macOS.
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    message = (
        f"{command}: {cause}. It ran for {time.monotonic() - began:.0f} s and used up to "
        f"{peak:.0f} MB. Log: {log_file}"
    )
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a", encoding="utf-8") as log:
        log.write(f"{message}\n")
    # In a run of Snakemake, the main process shows the end of the log.
    if SNAKEMAKE_VARIABLE not in os.environ:
        print(message, flush=True)
    return code if code > 0 else 128 - code


def out_of_memory(error: BaseException) -> bool:
    """Return whether an exception of Python, TensorFlow or PyTorch says that memory ran out."""
    names = {kind.__name__ for kind in type(error).__mro__}
    # PyTorch has a class for the memory of GPUs only.
    of_torch = "DefaultCPUAllocator: can't allocate memory" in str(error)
    return bool(names & {"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"}) or of_torch


def end_jobs_on_signals() -> None:
    """Make SIGTERM and SIGINT to this process, which runs Snakemake, end its jobs too.

    Snakemake would wait until the running jobs are done. To be called when Snakemake's own handlers
    are in place; they are called as well.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _ending_jobs(before))


def _ending_jobs(before: Callable[[int, FrameType | None], object]) -> Callable[..., None]:
    def handle(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=_end_jobs, daemon=True).start()
        before(number, frame)

    return handle


def _end_jobs() -> None:
    """Ask the jobs of this process to end, until it ends: a job may be just starting."""
    import psutil

    while True:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                # python .../bin/bnmatrix train, or python -m bnmatrix train
                if any(Path(word).name == "bnmatrix" for word in process.cmdline()[:3]):
                    process.terminate()
        time.sleep(0.5)


def _start(work: Callable[[], int]) -> int:
    """Start ``work`` in a child process; return the number of the process."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        _die_with_parent()
        status = work()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit, which would run the exit handlers of the parent.
        os._exit(status)


def _end_with_others(child: int) -> list[bool]:
    """End the child on SIGTERM, and when Snakemake is gone.

    Returns:
        A list that is empty until the child has to end because Snakemake is gone.
    """
    orphaned: list[bool] = []

    def end(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    signal.signal(signal.SIGTERM, lambda number, _: end(number))
    # The terminal sends Ctrl-C to both processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    snakemake = int(os.environ.get(SNAKEMAKE_VARIABLE, 0))
    # A command that a user runs by hand in the environment of a job is not a job.
    if _descends_from(snakemake):

        def look(_number: int, _frame: FrameType | None) -> None:
            if not _descends_from(snakemake):
                end(signal.SIGKILL if orphaned else signal.SIGTERM)
                orphaned.append(True)

        # A timer interrupts the wait for the child; a loop would notice the child's end late.
        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)
    return orphaned


def _descends_from(ancestor: int) -> bool:
    """Return whether a process is an ancestor of this one. A process that ended has no children."""
    if not ancestor:
        return False
    import psutil

    return any(process.pid == ancestor for process in psutil.Process().parents())


def _die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _oom_kills() -> int:
    """Return how many processes Linux has killed for lack of memory; elsewhere 0."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


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

"""The choice between this plugin's output and Snakemake's own."""

import logging
import sys
import time
from types import TracebackType

from rich.console import Console
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.settings import OutputSettingsLoggerInterface

from snakemake_logger_plugin_bnmatrix.display import Display, Lines, Terminal
from snakemake_logger_plugin_bnmatrix.groups import pass_on_reasons
from snakemake_logger_plugin_bnmatrix.handler import RunHandler
from snakemake_logger_plugin_bnmatrix.pods import read_logs_of_failed_pods
from snakemake_logger_plugin_bnmatrix.run import Run


def chosen(settings: OutputSettingsLoggerInterface, style: str) -> logging.Handler:
    """Return the handler that the options of the command line select.

    Args:
        settings: Snakemake's options for output.
        style: one of ``STYLES``.
    """
    pass_on_reasons()
    read_logs_of_failed_pods()
    quiet = set(settings.quiet or ())
    if Quietness.ALL in quiet and not settings.dryrun:
        return logging.NullHandler()
    details = settings.dryrun or settings.verbose or settings.debug_dag or settings.printshellcmds
    if style == "snakemake" or details:
        return _snakemakes_own(settings)
    _hide_tracebacks_of_interrupts()
    stream = sys.stdout if settings.stdout else sys.stderr
    console = Console(file=stream, no_color=settings.nocolor or None, highlight=False)
    lines = style == "lines" or not console.is_terminal or console.is_dumb_terminal
    less = Quietness.PROGRESS in quiet

    def display(run: Run) -> Display:
        if lines or less:
            return Lines(console, run, time.monotonic, less)
        return Terminal(console, run, time.monotonic)

    return RunHandler(display)


def _snakemakes_own(settings: OutputSettingsLoggerInterface) -> logging.Handler:
    handler: logging.Handler = ColorizingTextHandler(
        nocolor=settings.nocolor, stream=sys.stdout if settings.stdout else sys.stderr
    )
    handler.addFilter(
        DefaultFilter(
            settings.quiet,
            settings.debug_dag,
            settings.verbose,
            settings.dryrun,
            settings.printshellcmds,
        )
    )
    handler.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
    return handler


def _hide_tracebacks_of_interrupts() -> None:
    """Let Ctrl-C during the plan end Snakemake with a line instead of a traceback."""
    before = sys.excepthook

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("Interrupted. Finished results are kept.", file=sys.stderr)
        else:
            before(kind, error, traceback)

    sys.excepthook = hook

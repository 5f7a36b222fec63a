"""What a person sees of a run: a logger plugin of Snakemake, which ``profiles/default/`` selects.

On a terminal, one display shows the progress; elsewhere, lines do. The complete output of Snakemake
is in ``.snakemake/log/``.

Snakemake imports this module in each of its processes. Therefore it imports little.
"""

from dataclasses import dataclass, field
from logging import Handler, LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

#: Values of the option ``--logger-bnmatrix-style``.
STYLES = ("auto", "lines", "snakemake")


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the command line and of profiles."""

    style: str = field(
        default="auto",
        metadata={
            "help": "auto: one display on a terminal, lines elsewhere; lines: lines everywhere; "
            "snakemake: Snakemake's own output, with all files and resources of jobs. Dry runs, "
            "--verbose, --debug-dag and --printshellcmds always have Snakemake's own output",
            "choices": STYLES,
        },
    )


class LogHandler(LogHandlerBase):
    """Passes each record to the handler that the options select."""

    def __post_init__(self) -> None:
        """Choose the handler."""
        from snakemake_logger_plugin_bnmatrix.choice import chosen

        style = getattr(self.settings, "style", None) or "auto"
        self._handler: Handler = chosen(self.common_settings, style)

    def emit(self, record: LogRecord) -> None:
        """Show what a person wants to know of the record."""
        self._handler.handle(record)

    def close(self) -> None:
        """Show how the run ended."""
        self._handler.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Return True: Snakemake adds no output of its own."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Return False."""
        return False

    @property
    def has_filter(self) -> bool:
        """Return True: the handler decides which records to show."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Return True: the handler formats the records."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Return False."""
        return False

"""Values of the column ``status`` of tables of runs: how a run ended."""

#: ``diverged``: the loss or a weight was no longer a finite number.
COMPLETED, DIVERGED = "completed", "diverged"

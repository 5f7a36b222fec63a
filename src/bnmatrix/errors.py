"""Exceptions for problems that a user can solve."""

import difflib
from collections.abc import Iterable
from typing import Any


class UserError(Exception):
    """A problem that the user can solve.

    The message names the file, key or value, and what to do. The command line prints only the
    message, without a traceback.
    """


class Unavailable(UserError):
    """Data that is not available at the moment. Studies of other data can still run."""


def suggestion(value: Any, names: Iterable[str]) -> str:
    """Return ' (did you mean …?)' with the closest of ``names``, or an empty text."""
    close = difflib.get_close_matches(str(value), list(names), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""

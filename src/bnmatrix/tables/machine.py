"""The version of the code that a job runs."""

import json
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent


def origin() -> dict[str, Any]:
    """Return where the installed package comes from: ``url``, and ``vcs_info`` for a commit.

    Returns:
        The record that pip leaves (PEP 610); an empty mapping for a package from an index, and for
        one that is not installed.
    """
    try:
        recorded = distribution("bnmatrix").read_text("direct_url.json")
    except PackageNotFoundError:
        return {}
    return json.loads(recorded) if recorded else {}


def commit() -> str:
    """Return the commit of the package, with a note if files differ from it; or "unknown"."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(_PACKAGE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # An environment can be inside the repository of another project, which does not track it.
        git("ls-files", "--error-unmatch", "__init__.py")
        head = git("rev-parse", "HEAD")
        return f"{head} with local changes" if git("status", "--porcelain") else head
    except (OSError, subprocess.CalledProcessError):
        return str(origin().get("vcs_info", {}).get("commit_id", "unknown"))

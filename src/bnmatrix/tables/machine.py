"""The version of the code that a job runs."""

import subprocess
from pathlib import Path


def git_commit(folder: Path) -> str:
    """Return the commit of ``folder``, with a note if files differ from it; or "unknown"."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        return f"{commit} with local changes" if git("status", "--porcelain") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

"""Show the answer of the published run in README.md, with its chart.

`make results` calls it after the pages were made in `published/` from `docs/results/`. It keeps the
answer, the verdicts and the chart in `docs/results/`, and writes the answer into README.md.
"""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = "docs/results"
#: Files of `published/reports/` that `docs/results/` keeps.
KEPT = (
    "answer.md",
    "claims.csv",
    "figures/answer/batch-size.svg",
    "figures/answer/batch-size-dark.svg",
)
BEGIN, END = "<!-- The answer. `make results` writes it. -->", "<!-- The end of the answer. -->"


def block(answer: str) -> str:
    """Return what stands between the marks in README.md, for the content of `answer.md`."""
    return f"\n{answer.replace('figures/answer/', f'{RESULTS}/').strip()}\n\n"


def with_answer(readme: str, answer: str) -> str:
    """Return README.md with an answer.

    Raises:
        ValueError: README.md does not have each mark once, in order.
    """
    parts = re.split(f"({re.escape(BEGIN)}\n|{re.escape(END)}\n)", readme)
    if parts[1::2] != [f"{BEGIN}\n", f"{END}\n"]:
        raise ValueError(f"README.md: needs the lines {BEGIN!r} and {END!r}, each once")
    return "".join([*parts[:2], block(answer), *parts[3:]])


def main() -> None:
    """Copy what `docs/results/` keeps, and write README.md."""
    for name in KEPT:
        shutil.copyfile(ROOT / "published/reports" / name, ROOT / RESULTS / Path(name).name)
    readme = ROOT / "README.md"
    answer = (ROOT / RESULTS / "answer.md").read_text(encoding="utf-8")
    text = with_answer(readme.read_text(encoding="utf-8"), answer)
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Show the answer of the published run in README.md, with its chart.

`make results` calls it after the pages were made in `published/` from `docs/results/`. It keeps the
answer, the verdicts and the chart in `docs/results/`, and writes the answer into README.md.
"""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = "docs/results"
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
    reports, readme = ROOT / "published/reports", ROOT / "README.md"
    answer = (reports / "answer.md").read_text(encoding="utf-8")
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', answer)
    for name in ("answer.md", "claims.csv", *pictures):
        shutil.copyfile(reports / name, ROOT / RESULTS / Path(name).name)
    text = with_answer(readme.read_text(encoding="utf-8"), answer)
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

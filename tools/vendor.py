"""Download the JavaScript libraries and the font of the pages, as ``vendor.json`` lists them.

Needs npm. Of a font, only the characters of formulas are kept. A file with another SHA-256 than the
listed one is an error; ``--update`` writes the SHA-256 of the files to ``vendor.json`` instead.
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FOLDER = Path(__file__).resolve().parent.parent / "src/bnmatrix/report/pages/assets/vendor"

#: Ranges of characters of formulas: ASCII, Greek, mathematical italic (Latin and Greek).
ALPHABETS = ((0x21, 0x7E), (0x391, 0x3C9), (0x3F5, 0x3F5), (0x1D434, 0x1D467), (0x1D6E2, 0x1D71B))
SYMBOLS = "\u210e·×±−…⋯′←→∂∇∑∏∈√∞≤≥≈≠ˆ\u0302\u0304"


def formulas_only(font: bytes) -> bytes:
    """Return a font with the characters of formulas alone, as WOFF; fractions and roots grow."""
    opened = TTFont(io.BytesIO(font), recalcTimestamp=False)
    options = Options()
    options.layout_features, options.hinting = ["ssty", "kern"], False
    options.drop_tables += ["GPOS", "vhea", "vmtx"]
    subsetter = Subsetter(options)
    letters = [code for first, last in ALPHABETS for code in range(first, last + 1)]
    subsetter.populate(unicodes=[*letters, *map(ord, SYMBOLS)])
    subsetter.subset(opened)
    opened.flavor = "woff"
    content = io.BytesIO()
    opened.save(content)
    return content.getvalue()


def main() -> None:
    """Download every library and write its files and licences into the folder ``vendor``.

    Raises:
        SystemExit: a file has another SHA-256 than the listed one.
    """
    listed = json.loads((FOLDER / "vendor.json").read_text(encoding="utf-8"))
    licences = ["# Licences of the files here", "", "Written by `python tools/vendor.py`."]
    for name, library in listed.items():
        with tempfile.TemporaryDirectory() as folder:
            command = ["npm", "pack", "--silent", f"{name}@{library['version']}"]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            (archive,) = Path(folder).glob("*.tgz")
            with tarfile.open(archive) as content:
                for member, digest in library["files"].items():
                    data = content.extractfile(f"package/{member}").read()
                    if member.endswith(".woff"):
                        data = formulas_only(data)
                    found = hashlib.sha256(data).hexdigest()
                    if "--update" in sys.argv:
                        library["files"][member] = found
                    elif found != digest:
                        sys.exit(f"{name}: {member}: its SHA-256 is {found}, not {digest}")
                    (FOLDER / Path(member).name).write_bytes(data)
                text = content.extractfile(f"package/{library['licence']}").read().decode()
        lines = [f"    {line}".rstrip() for line in text.strip().splitlines()]
        licences += ["", f"## {name} {library['version']}", "", *lines]
    (FOLDER / "LICENSES.md").write_text("\n".join(licences) + "\n", encoding="utf-8")
    if "--update" in sys.argv:
        text = json.dumps(listed, indent=2) + "\n"
        (FOLDER / "vendor.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

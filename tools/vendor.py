"""Download the JavaScript libraries of the pages, in the versions that ``vendor.json`` lists.

Needs npm. A file with another SHA-256 than the listed one is an error; ``--update`` writes the
SHA-256 of the downloaded files to ``vendor.json`` instead.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "src/bnmatrix/report/pages/assets/vendor"


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

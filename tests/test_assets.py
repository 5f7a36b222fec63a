"""Formulas, libraries and fonts of pages."""

import hashlib
import json
from xml.etree import ElementTree

from conftest import ROOT

from bnmatrix.report.pages.rendering import math


def test_formulas_are_mathml():
    text = math(r"\frac{a}{\sqrt{b}}")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/1998/Math/MathML}math"
    assert [tag.split("}")[1] for tag in (e.tag for e in root.iter())] == [
        *("math", "mrow", "mfrac", "mrow", "mi", "mrow", "msqrt", "mrow", "mi")
    ]


def test_libraries_are_the_listed_ones():
    folder = ROOT / "src/bnmatrix/report/pages/assets/vendor"
    listed = json.loads((folder / "vendor.json").read_text(encoding="utf-8"))
    files = {
        member.rpartition("/")[2]: digest
        for library in listed.values()
        for member, digest in library["files"].items()
    }
    assert set(files) == {path.name for path in folder.glob("*.*")} - {"vendor.json", "LICENSES.md"}
    for name, digest in files.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        assert b"</script" not in content, f"{name} would end the element that it stands in"
    licences = (folder / "LICENSES.md").read_text(encoding="utf-8")
    for name, library in listed.items():
        assert f"## {name} {library['version']}" in licences

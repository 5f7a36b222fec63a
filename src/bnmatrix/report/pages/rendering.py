"""What pages are rendered with: templates, and formulas and figures inside them."""

import base64
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import latex2mathml.converter
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bnmatrix.report import labels, wording
from bnmatrix.report.bibliography import cite
from bnmatrix.report.figures.inks import INKS, variables

#: Rows from which on a table can be sorted.
SORTABLE = 10

_ASSETS = Path(__file__).parent / "assets"


def asset(name: str) -> Markup:
    """Return a style sheet or script for a page to include."""
    return Markup((_ASSETS / name).read_text(encoding="utf-8").strip())


def font(name: str) -> Markup:
    """Return a font for a style sheet to include, as a data address."""
    content = base64.b64encode((_ASSETS / name).read_bytes()).decode("ascii")
    return Markup(f"url(data:font/woff;base64,{content})")


def math(latex: str) -> Markup:
    """Return a formula in LaTeX as MathML, for use within a line."""
    return Markup(latex2mathml.converter.convert(latex))


def formula(latex: str) -> Markup:
    """Return a formula in LaTeX as MathML on a separate line, which scrolls if it is long."""
    content = latex2mathml.converter.convert(latex, display="block")
    return Markup(
        f'<span class="formula" role="group" aria-label="Formula" tabindex="0">{content}</span>'
    )


def _unbroken(value: object) -> object:
    """Return a text whose numbers do not break between thousands; any other value as it is."""
    if type(value) is not str:
        return value
    return re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "\N{NARROW NO-BREAK SPACE}", value)


def _with_code(text: str) -> Markup:
    """Return a text in which what stands between backquotes is code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def environment(links: Sequence[str], current: str) -> Environment:
    """Return the templates' environment, with the filters that they use.

    Args:
        links: pages that every page links to.
        current: the page that is made.
    """
    environment = Environment(
        loader=PackageLoader("bnmatrix", "report/pages/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = {"sortable": False}

    def as_table(content: str, name: str = "", css: str = "") -> Markup:
        text, sortable = table(content, name, css)
        page["sortable"] |= sortable
        return text

    inks = Markup(
        f":root {{ {variables(dark=False)} }}\n@media screen and (prefers-color-scheme: dark) "
        f"{{ :root {{ {variables(dark=True)} }} }}"
    )
    environment.globals |= {"asset": asset, "font": font, "links": links, "current": current}
    environment.globals |= {"page": page, "inks": inks}
    environment.filters |= {
        "as_table": as_table,
        "cite": cite,
        "math": math,
        "formula": formula,
        "points": wording.points,
        "percent": wording.percent,
        "interval": wording.interval,
        "p_text": wording.p_text,
        "thousands": wording.thousands,
        "duration": wording.duration,
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
        "setting_name": labels.setting_name,
        "value_text": labels.value_text,
        "with_code": _with_code,
    }
    return environment


def table(content: str, name: str = "", css: str = "") -> tuple[Markup, bool]:
    """Return a table's element, and whether readers can sort it.

    Each cell of the body gets the heading of its column as ``data-label``, for narrow screens,
    where each row is a card; a table of pairs is narrow enough. Tables of
    :data:`SORTABLE` rows and one body can be sorted.

    Args:
        content: the head and the body, as HTML.
        name: if given, a table that can be sorted can also be filtered.
        css: classes of the table.
    """
    head, opening, body = content.partition("<tbody")
    last = head.rpartition("<tr")[2]
    titles = [
        re.sub(r"\s+", " ", re.sub(r"<math.*?</math>|<[^>]*>", " ", text, flags=re.DOTALL)).strip()
        for text in re.findall(r"<th[ >].*?</th>", last, re.DOTALL)
    ]
    rows = len(re.findall(r"<tr[ >]", body))
    sortable = rows >= SORTABLE and "<tbody" not in body
    classes = " ".join(filter(None, [css or "plain", "sortable asc n-last" if sortable else ""]))
    filtered = " data-filter" if sortable and name else ""
    if css != "pairs":
        body = re.sub(
            r"<tr[ >].*?</tr>", lambda row: _labelled(row[0], titles), body, flags=re.DOTALL
        )
    return Markup(f'<table class="{classes}"{filtered}>{head}{opening}{body}</table>'), sortable


def _labelled(row: str, titles: Sequence[str]) -> str:
    """Return a row whose cells, but for headings, have the titles of their columns as labels."""
    places = iter(range(len(titles)))

    def with_label(cell: re.Match[str]) -> str:
        place = next(places, None)
        if place is None or cell[1] == "th" or "data-label" in cell[0] or not titles[place]:
            return cell[0]
        return f'<td data-label="{titles[place]}"{cell[2]}>'

    return re.sub(r"<(t[dh])((?: [^>]*)?)>", with_label, row)


def svg(path: Path, prefix: str) -> Markup:
    """Return a figure's SVG for a page to include, without its prolog.

    Args:
        path: the figure.
        prefix: stands before each id of the figure, so that no two figures of a page share one.
    """
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    # Matplotlib's metadata is invisible, and not valid in HTML.
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Paths without data, of missing values: SVG 2 allows them, validators refuse them.
    text = re.sub(r"<path(?![^>]*\bd=)[^>]*/>", "", text)
    text = _lean(text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{prefix}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    # The inks follow the scheme of the reader, and the page is the ground.
    text = re.sub(r'(<path [^>]*style="[^"]*)fill: #ffffff', r"\1fill: none", text)
    for colour, name in INKS.items():
        text = text.replace(colour.lower(), f"var({name})")
    return _parts(_classed(text), prefix)


def _lean(text: str) -> str:
    """Return an SVG without what a page does not need.

    That is comments, ids that nothing refers to, space between elements, rotations by zero, fonts
    (the style sheet has the font), and a second decimal of points.
    """
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' transform="rotate\(-?0 [^"]*"', "", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), text)
    used = {
        "figure_1",
        *re.findall(r'href="#([^"]+)"', text),
        *re.findall(r"url\(#([^)]+)\)", text),
    }
    text = re.sub(r'\s+id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r">\s+<", "><", text)
    text = re.sub(r"<g/>|<g></g>", "", text)
    return re.sub(r"\s*\n\s*", " ", text)


def _classed(text: str) -> str:
    """Return an SVG whose styles are classes of its style sheet, each written once.

    A class is named by what it says, so that figures of a page can share one.
    """
    rules: dict[str, str] = {}

    def named(style: re.Match[str]) -> str:
        name = f"s{sha256(style[1].encode()).hexdigest()[:8]}"
        rules[name] = style[1]
        return f' class="{name}"'

    opening = text.index(">") + 1
    inner = re.sub(r' style="([^"]*)"', named, text[opening:])
    sheet = "".join(f".{name}{{{style}}}" for name, style in rules.items())
    return f"{text[:opening]}<style>{sheet}</style>{inner}"


def _parts(text: str, prefix: str) -> Markup:
    """Return a figure whole, or as its legend and panels, which flow where the page is narrow."""
    opening = text[: text.index(">") + 1]
    left, top, width, height = map(float, _attribute(opening, "viewBox").split())
    boxes = [box for box in _attribute(opening, "data-parts").split(",") if box]
    inner = text[len(opening) :].rpartition("</svg>")[0]
    label = _attribute(opening, "aria-label")
    if not boxes:
        # A point is 4/3 of a pixel: text has the same size in all figures.
        return Markup(
            f'<svg viewBox="{left:g} {top:g} {width:g} {height:g}" role="img" '
            f'aria-label="{label}" style="max-width:{width * 4 / 3:.0f}px">{inner}</svg>'
        )
    legend, parts = "", []
    legends = int(_attribute(opening, "data-legends"))
    for number, box in enumerate(boxes):
        across, tall = (float(side) * 4 / 3 for side in box.split()[2:])
        content = inner if number == 0 else f'<use href="#{prefix}-figure_1"/>'
        part = (
            f'<svg viewBox="{box}" aria-hidden="true" width="{across:.0f}" height="{tall:.0f}">'
            f"{content}</svg>"
        )
        if number < legends:
            legend += part
        else:
            parts.append(part)
    return Markup(
        f'<div role="img" aria-label="{label}"><div class="key">{legend}</div>'
        f'<div class="parts">{"".join(parts)}</div></div>'
    )


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found[1] if found else ""

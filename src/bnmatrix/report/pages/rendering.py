"""What pages are rendered with: templates, and formulas and figures inside them."""

import re
from collections.abc import Sequence
from pathlib import Path

import latex2mathml.converter
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bnmatrix.report import labels, wording

_ASSETS = Path(__file__).parent / "assets"


def asset(name: str) -> Markup:
    """Return a style sheet or script for a page to include."""
    return Markup((_ASSETS / name).read_text(encoding="utf-8").strip())


def math(latex: str) -> Markup:
    """Return a formula in LaTeX as MathML, for use within a line."""
    return Markup(latex2mathml.converter.convert(latex))


def formula(latex: str) -> Markup:
    """Return a formula in LaTeX as MathML on a separate line, which scrolls if it is long."""
    content = latex2mathml.converter.convert(latex, display="block")
    return Markup(
        f'<span class="formula" role="group" aria-label="Formula" tabindex="0">{content}</span>'
    )


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
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"asset": asset, "links": links, "current": current}
    environment.filters |= {
        "math": math,
        "formula": formula,
        "points": wording.points,
        "percent": wording.percent,
        "interval": wording.interval,
        "p_text": wording.p_text,
        "duration": wording.duration,
        "setting_name": labels.setting_name,
        "value_text": labels.value_text,
    }
    return environment


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
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{prefix}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    # The page sets the size; the figure says only its proportions.
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return Markup(re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1))

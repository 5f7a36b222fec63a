"""The drawings of the page that explains batch normalization, as SVG in the page's inks."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

#: Examples, units (or channels), groups and positions of the drawn layers.
_EXAMPLES, _UNITS, _GROUP, _SIDE = 4, 6, 3, 2


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg class="picture" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}" '
        f'style="max-width:{width:g}px">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", css: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{text}</text>'


def shared_statistics(kind: str, convolutional: bool) -> Markup:
    """Return which values share a mean and a variance: rows are examples, columns are units.

    Args:
        kind: ``batch``, ``layer`` or ``group``.
        convolutional: whether each cell has the positions of a feature map.
    """
    cell, left, top = 26, 30, 26
    parts = [_text(left + _UNITS * cell / 2, 12, "channels" if convolutional else "units")]
    parts.append(
        f'<text transform="translate(14 {top + _EXAMPLES * cell / 2}) rotate(-90)" '
        'text-anchor="middle">examples</text>'
    )
    for example in range(_EXAMPLES):
        for unit in range(_UNITS):
            chosen = {
                "batch": unit == 1,
                "layer": example == 1,
                "group": example == 1 and unit < _GROUP,
            }[kind]
            x, y = left + unit * cell, top + example * cell
            sides = _SIDE if convolutional else 1
            size = (cell - 3) / sides
            for row in range(sides):
                for column in range(sides):
                    parts.append(
                        f'<rect class="{"chosen" if chosen else "cell"}" '
                        f'x="{x + column * size:.1f}" y="{y + row * size:.1f}" '
                        f'width="{size - 0.8:.1f}" height="{size - 0.8:.1f}"/>'
                    )
    whose = {
        "batch": "of one unit over all examples",
        "layer": "of one example over all units",
        "group": "of one example over a group of units",
    }[kind]
    if convolutional:
        whose = f"{whose.replace('unit', 'channel')}, at all positions"
    width, height = left + _UNITS * cell + 6, top + _EXAMPLES * cell + 4
    return _svg(width, height, f"Values that share statistics: those {whose}", parts)


def decay(momenta: Sequence[float], most: int) -> Markup:
    """Return the share of the start in moving averages, momentum to the power of the steps.

    Args:
        momenta: a line each.
        most: steps at the right end.
    """
    left, top, width, height = 44, 10, 270, 160

    def place(steps: float, share: float) -> str:
        return f"{left + width * steps / most:.1f} {top + height * (1 - share):.1f}"

    parts = []
    for share in (0.0, 0.5, 1.0):
        y = top + height * (1 - share)
        parts.append(f'<path class="zero" d="M{left} {y:.1f}H{left + width}"/>')
        parts.append(_text(left - 6, y + 4, f"{share * 100:g} %", "end"))
    for steps in range(0, most + 1, most // 5):
        parts.append(_text(left + width * steps / most, top + height + 18, str(steps)))
    parts.append(_text(left + width / 2, top + height + 36, "training steps"))
    for number, momentum in enumerate(momenta):
        curve = [
            place(steps, momentum**steps) for steps in np.linspace(0, most, 81, dtype=np.float64)
        ]
        parts.append(f'<path class="curve c{number + 1}" d="M{"L".join(curve)}"/>')
        share = 0.15 + 0.22 * number
        half = min(math.log(share) / math.log(momentum), most * 0.8)
        across, down = map(float, place(half, momentum**half).split())
        parts.append(_text(across + 8, down - 4, f"ρ = {momentum:g}", "start", f"c{number + 1}"))
    words = "; ".join(f"ρ = {m:g}: {m**100 * 100:.1f} % after 100 steps" for m in momenta)
    label = f"Share of the start in the moving averages. {words}"
    return _svg(left + width + 50, top + height + 44, label, parts)


def before_and_after(z: np.ndarray, normalized: np.ndarray) -> Markup:
    """Return the values of one unit before and after normalization, joined by lines.

    The elements have the classes that the script of the page moves.

    Args:
        z: the values, shape (rows,).
        normalized: the normalized values, shape (rows,).
    """
    left, width = 16, 330
    low, high = -4.0, 4.0

    def place(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * width

    parts = [
        _text(left, 20, "z", "start"),
        _text(left, 130, "normalized", "start"),
        f'<path class="zero" d="M{left} 36H{left + width}"/>',
        f'<path class="zero" d="M{left} 146H{left + width}"/>',
    ]
    for tick in range(-4, 5, 2):
        text = str(tick).replace("-", "−")
        parts.append(_text(place(tick), 172, text))
    for number, (first, second) in enumerate(zip(z, normalized, strict=True)):
        parts.append(
            f'<line class="join" data-row="{number}" x1="{place(first):.1f}" y1="36" '
            f'x2="{place(second):.1f}" y2="146"/>'
        )
    for number, (first, second) in enumerate(zip(z, normalized, strict=True)):
        for value, y, css in ((first, 36, "before"), (second, 146, "after")):
            parts.append(
                f'<circle class="{css} c{number % 5 + 1}" data-row="{number}" '
                f'cx="{place(value):.1f}" cy="{y}" r="7"/>'
            )
    words = "; ".join(
        f"row {n}: {a:.2f} to {b:.2f}"
        for n, (a, b) in enumerate(zip(z, normalized, strict=True), 1)
    )
    label = f"Five values of a unit before and after normalization. {words}".replace("-", "−")
    return _svg(left + width + 16, 180, label, parts)

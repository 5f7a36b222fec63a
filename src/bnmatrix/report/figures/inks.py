"""The colours of figures, on a light and on a dark ground."""

#: Colours of text and axes, of what is said softly, and of grids.
INK, SOFT, GRID = "#1C2330", "#55606F", "#D9DEE5"

#: The colours of figures, each with its counterpart on a dark ground.
DARK = {
    INK: "#E6EAF0",
    SOFT: "#A5B0BF",
    GRID: "#36404D",
    "#0067A5": "#6FB7E9",
    "#B85C00": "#F0A45B",
    "#00795B": "#5CC9A7",
    "#A3478B": "#DE8CC8",
    "#5B5B5B": "#B5B5B5",
    "#8A6D00": "#D5B74A",
    "#3D8FC9": "#9AD0F5",
    "#7A3E9D": "#BE90DC",
    "#B02A30": "#F08A8F",
}

#: The variables of the style sheet that stand for these colours within pages, so that a figure
#: follows the scheme of the reader.
_NAMES = ("--ink", "--soft", "--line", *(f"--c{number}" for number in range(1, 10)))
INKS = dict(zip(DARK, _NAMES, strict=True))


def variables(dark: bool) -> str:
    """Return the declarations of the variables of the series, for a style sheet."""
    return " ".join(
        f"{name}: {DARK[colour] if dark else colour};"
        for colour, name in INKS.items()
        if name.startswith("--c")
    )

"""How the report's plots look: colours that follow the page, SVG that never varies by chance."""

import io
import re
from contextlib import AbstractContextManager
from html import escape

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# matplotlib knows no CSS: each role is drawn in a colour of its own, then named a CSS variable.
INK, MUTED, GRID, SOFT = "#010101", "#020202", "#030303", "#040404"
FUNNEL, BASELINE, CHANNEL = "#050505", "#060606", "#070707"
ROLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    SOFT: "soft",
    FUNNEL: "funnel",
    BASELINE: "baseline",
    CHANNEL: "channel",
}
WIDTH = 8.0  # inches; the page scales the plot to its own width
STYLE = {
    "svg.fonttype": "none",  # text stays text, in the page's font
    "svg.hashsalt": "recfunnel",  # ids by content, not by chance
    "font.size": 9,
    "text.color": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "xtick.bottom": False,
    "ytick.color": INK,
    "ytick.left": False,
    "legend.frameon": False,
}


def report_style() -> AbstractContextManager[None]:
    """Use the report's style, whatever this machine's matplotlibrc says, until left."""
    return style.context(["default", STYLE])


def row_axes(labels: list[str], row: float) -> tuple[Figure, Axes]:
    """Make a plot of labelled rows, first on top, ``row`` inches high each; within ``drawing``."""
    rows = max(len(labels), 1)
    figure = Figure(figsize=(WIDTH, 0.55 + row * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.grid(axis="x")
    return figure, axes


def axes_in_a_row(height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Make plots side by side, ``height`` inches high; within ``drawing``."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for one in axes:
        one.grid(visible=True)
    return figure, list(axes)


def to_svg(figure: Figure, label: str) -> str:
    """Give the plot as an SVG element for a page; ``label`` tells those who cannot see it."""
    figure.patch.set_visible(False)
    written = io.StringIO()
    unsigned = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(written, format="svg", metadata=unsigned)
    tag, body = written.getvalue().partition("<svg")[2].split(">", maxsplit=1)
    kept = " ".join(re.findall(r'(?:xmlns\S*|viewBox)="[^"]*"', tag))
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)  # it would style the whole page
    used = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in used else "", body)
    for colour, role in ROLES.items():
        body = body.replace(colour, f"var(--{role})")
    return f'<svg {kept} role="img" aria-label="{escape(label)}">{body}'

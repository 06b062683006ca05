"""The plot toolkit of the reports: colours that follow the page, and SVG without random parts.

The same figures give the same bytes. No two plots share an object.
"""

import io
import re
from contextlib import AbstractContextManager
from html import escape

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from offline.evaluate.figures import Interval

# matplotlib has no CSS: each role is drawn in its own colour, which then becomes a CSS variable.
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
    "svg.hashsalt": "recfunnel",  # ids follow from the content
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
    """Use the report's style inside the block, whatever this machine's matplotlibrc says."""
    return style.context(["default", STYLE])


def row_axes(labels: list[str], row: float) -> tuple[Figure, Axes]:
    """Return a plot of labelled rows, ``row`` inches high; call it in ``report_style``."""
    rows = max(len(labels), 1)
    figure = Figure(figsize=(WIDTH, 0.55 + row * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.grid(axis="x")
    return figure, axes


def axes_in_a_row(height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return plots side by side, ``height`` inches high; call it in ``report_style``."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for plot in axes:
        plot.grid(visible=True)
    return figure, list(axes)


def to_svg(figure: Figure, label: str) -> str:
    """Return the plot as an SVG element; ``label`` is read to those who cannot see it."""
    figure.patch.set_visible(False)
    output = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    canvas = FigureCanvasSVG(figure)  # ``savefig`` draws it twice
    canvas.print_svg(output, metadata=no_metadata)  # type: ignore[no-untyped-call]
    tag, body = output.getvalue().partition("<svg")[2].split(">", maxsplit=1)
    attributes = " ".join(re.findall(r'(?:xmlns\S*|viewBox)="[^"]*"', tag))
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)  # it would style the whole page
    used = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([\w.-]+)"', lambda match: match[0] if match[1] in used else "", body)
    for colour, role in ROLES.items():
        body = body.replace(colour, f"var(--{role})")
    return f'<svg {attributes} role="img" aria-label="{escape(label)}">{body}'


def plot_interval(axes: Axes, y: float, figure: Interval, colour: str, alpha: float = 0.45) -> None:
    """Draw the mean as a point with its bounds as a bar, and write the mean beside it."""
    mean, low, high = figure["mean"], figure["low"], figure["high"]
    if mean is None or low is None or high is None:
        return
    axes.plot([low, high], [y, y], color=colour, lw=2.5, alpha=alpha, solid_capstyle="round")
    axes.plot([mean], [y], "o", color=colour, markersize=6, clip_on=False)
    write_beside(axes, high, y, f"{mean:.3f}")


def write_beside(axes: Axes, x: float, y: float, text: str) -> None:
    """Write a text to the right of a point."""
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", color=INK)


def add_legend(axes: Axes, columns: int) -> None:
    """Draw the legend above the plot."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0)

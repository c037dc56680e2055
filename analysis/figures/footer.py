"""The line under every figure: what was compared with, and loudly so when nobody recorded it."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.figures.palette import ALARM_COLOUR
from analysis.results import Results

SIMULATED = "Recording: simulated V1 (Gabor energy and Poisson spikes), no animal was recorded."
STAND_IN = "Images: stand-ins for the Allen scenes."
SOURCES = {
    "sites": "Recording: mouse visual cortex, 2-photon, Allen Institute (Conwell et al. 2021; de Vries et al. 2020).",
    "session": "Recording: one 2-photon session of mouse visual cortex, Allen Institute (de Vries et al. 2020).",
}


def footer_text(results: Results) -> tuple[str, bool]:
    """Return the line and whether it is a warning."""
    parts = []
    if (results.root / "recording.nc").exists():
        source = results.recording.attributes.get("source", "")
        parts.append(SIMULATED if results.simulated else SOURCES.get(source, f"Recording: {source}."))
    if (results.root / "stimuli.nc").exists() and results.stimuli.attributes.get("simulated") == "true":
        parts.append(STAND_IN)
    return " ".join(parts), results.simulated


def above_footer(height: float) -> ConstrainedLayoutEngine:
    """Return a layout that leaves the footer's place free in a figure of `height` inches."""
    share = 0.22 / height
    return ConstrainedLayoutEngine(rect=(0, share, 1, 1 - share))


def add_footer(figure: Figure, results: Results) -> None:
    """Write the line at the lower left of the figure. Leave 0.2 inches there."""
    text, warning = footer_text(results)
    figure.text(
        0.01,
        0.06 / figure.get_figheight(),
        text,
        fontsize=6.5 if warning else 6,
        color=ALARM_COLOUR if warning else "0.35",
        weight="bold" if warning else "normal",
        va="bottom",
    )

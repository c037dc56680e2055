"""All figures by name. Adding one is one file with one function and one line here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.figures import (
    fig0_way,
    fig1_samples,
    fig2_rasters,
    fig3_rdms,
    fig4_alignment,
    fig5_levels,
    fig6_ladder,
    fig7_sites,
)
from analysis.results import Results
from study.commands import unknown
from study.files import replacing

STYLE = Path(__file__).parents[1] / "study.mplstyle"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One figure.

    Parameters
    ----------
    draw : function of the results
    caption : str
    """

    draw: Callable[[Results], Figure]
    caption: str


FIGURES: dict[str, Entry] = {
    "fig0_way": Entry(fig0_way.draw, fig0_way.CAPTION),
    "fig1_samples": Entry(fig1_samples.draw, fig1_samples.CAPTION),
    "fig2_rasters": Entry(fig2_rasters.draw, fig2_rasters.CAPTION),
    "fig3_rdms": Entry(fig3_rdms.draw, fig3_rdms.CAPTION),
    "fig4_alignment": Entry(fig4_alignment.draw, fig4_alignment.CAPTION),
    "fig5_levels": Entry(fig5_levels.draw, fig5_levels.CAPTION),
    "fig6_ladder": Entry(fig6_ladder.draw, fig6_ladder.CAPTION),
    "fig7_sites": Entry(fig7_sites.draw, fig7_sites.CAPTION),
}


def draw_figure(name: str, results: Results, folder: Path) -> list[Path]:
    """Draw one figure and write NAME.png (200 dpi) and NAME.svg; the same results give the same bytes.

    Parameters
    ----------
    name : str
        One of `FIGURES`.
    results : Results
    folder : Path

    Returns
    -------
    list of Path

    Raises
    ------
    NothingToDrawError, FileNotFoundError
        If the results lack what the figure shows.
    """
    if name not in FIGURES:
        raise unknown("figure", name, FIGURES)
    paths = []
    with matplotlib.rc_context(), matplotlib.style.context(["default", str(STYLE)]):
        figure = FIGURES[name].draw(results)
        FigureCanvasAgg(figure)
        for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None, "Creator": None})):
            path = folder / f"{name}{suffix}"
            with replacing(path) as temporary:
                figure.savefig(temporary, format=suffix[1:], metadata=metadata)
            paths.append(path)
    return paths

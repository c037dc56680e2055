"""Colours and names: colour-blind safe, the same in every figure."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model_rdms import CONTROL

# Okabe & Ito 2008; without the yellow, which is too light on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
CONTROL_COLOUR = "#606060"  # lighter ones are near the green for people with deuteranopia
CONTROL_SHADES = (CONTROL_COLOUR, "#303030", "#A8A8A8")
CEILING_COLOUR = "#E4E4E4"
ALARM_COLOUR = "#B00020"
BASELINES = {"pixels": ("black", "s"), "gabor": ("black", "^"), "gabor-raw": ("black", "D")}


def variant_colours(variants: Sequence[str]) -> dict[str, str]:
    """Return a colour per variant: untrained twins gray, the others in the order of their names."""
    colours: dict[str, str] = {}
    for name in sorted(set(variants)):
        control = CONTROL in name
        shades = CONTROL_SHADES if control else COLOURS
        used = sum((CONTROL in other) == control for other in colours)
        colours[name] = shades[used % len(shades)]
    return colours


def site_name(site: str) -> str:
    """Return a site as it is written: VISp_layer23 becomes VISp L2/3."""
    area, _, layer = site.partition("_")
    layer = layer.replace("layer23", "L2/3").replace("layer", "L")
    return f"{area} {layer}".strip()

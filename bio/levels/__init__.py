"""Levels of description, from the trained difference equations to membranes with units."""

from bio.levels import exact, lif
from bio.levels.level import Level, Pathway, Population
from study.commands import unknown

LEVELS: dict[str, Level] = {module.LEVEL.name: module.LEVEL for module in (exact, lif)}

__all__ = ["LEVELS", "Level", "Pathway", "Population", "find_level"]


def find_level(name: str) -> Level:
    """Return a level by its name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in LEVELS:
        raise unknown("level", name, LEVELS)
    return LEVELS[name]

"""Levels of description, from the trained difference equations to membranes with units."""

from bio.levels import adex, coba, cuba, exact, hh, lif
from bio.levels.level import Level, Pathway, Population
from study.commands import unknown

LEVELS: dict[str, Level] = {module.LEVEL.name: module.LEVEL for module in (exact, lif, cuba, coba, adex, hh)}

__all__ = ["LEVELS", "Level", "Pathway", "Population", "find_level"]


def find_level(name: str | Level) -> Level:
    """Return a level by its name; a level is returned as it is.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if isinstance(name, Level):
        return name
    if name not in LEVELS:
        raise unknown("level", name, LEVELS)
    return LEVELS[name]

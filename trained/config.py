"""What every training run is asked, whatever it trains, and configurations as JSON and as texts."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from study.commands import unknown
from trained.process import PRECISIONS

C = TypeVar("C", bound="RunConfig")


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What the training loop needs to know; each family of models adds its own choices.

    Parameters
    ----------
    experiment, variant : str
        Name of the run folder: runs/<experiment>/<variant>/seed-<n>.
    dataset : str
        A name in `trained.data.DATASETS`.
    image_size : int
        Side of the square images in pixels.
    n_updates : int
        Updates to train for; 0 trains nothing.
    batch_size : int
    checkpoint_every : int
        Updates between checkpoints and lines of metrics.jsonl.
    precision : "float32" or "bfloat16"
        Of products, currents and spikes while training, see `trained.process.precision`; evaluation is in float32.
    """

    experiment: str
    variant: str
    dataset: str
    image_size: int = 32
    n_updates: int = 100
    batch_size: int = 32
    checkpoint_every: int = 25
    precision: str = "float32"

    family: ClassVar[str] = ""

    def __post_init__(self) -> None:
        at_least(self, 1, "image_size", "checkpoint_every")
        at_least(self, 0, "n_updates")
        if self.batch_size < 2:
            raise ValueError(f"batch_size is {self.batch_size}; batch norm needs at least 2.")
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)

    @property
    def name(self) -> str:
        """<experiment>/<variant>."""
        return f"{self.experiment}/{self.variant}"


def at_least(config: RunConfig, lowest: int, *names: str) -> None:
    """Raise ValueError if one of the named fields is below `lowest`."""
    for name in names:
        if getattr(config, name) < lowest:
            raise ValueError(f"{name} is {getattr(config, name)}; at least {lowest} is needed.")


def to_mapping(config: RunConfig) -> dict[str, Any]:
    """Return the fields and the family, as `trained.families.config_from` reads them."""
    return {"family": config.family, **dataclasses.asdict(config)}


def to_json(config: RunConfig) -> str:
    """Return the configuration as JSON with sorted keys."""
    return json.dumps(to_mapping(config), sort_keys=True)


def from_mapping(kind: type[C], values: Mapping[str, Any]) -> C:
    """Return the configuration of class `kind` that `values` describe (as read from JSON).

    Raises
    ------
    ValueError
        For an unknown key or a value of the wrong type.
    """
    types = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for key in values:
        if key not in names:
            raise unknown("configuration key", key, names)
    return kind(**{key: _convert(key, value, types[key]) for key, value in values.items()})


def override(config: C, assignments: Iterable[str]) -> C:
    """Return `config` with `key=value` texts applied.

    Raises
    ------
    ValueError
        For a text without `=`, an unknown key or a value of the wrong type.
    """
    values = dataclasses.asdict(config)
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set {text!r} has no `=`; write it as key=value, for example n_updates=300.")
        values[key] = value
    return from_mapping(type(config), values)


def _convert(key: str, value: Any, kind: Any) -> Any:
    try:
        if typing.get_origin(kind) is tuple:
            parts = value.split(",") if isinstance(value, str) else list(value)
            wanted = typing.get_args(kind)
            if wanted[-1] is not Ellipsis and len(parts) != len(wanted):
                raise ValueError
            return tuple(wanted[0](part) for part in parts)
        if kind is bool and not isinstance(value, bool):
            return {"true": True, "false": False}[value.lower()]
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        return kind(value)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ValueError(
            f"configuration key {key} is {value!r}; a value of type {_shown(kind)} is needed."
        ) from None


def _shown(kind: Any) -> str:
    if typing.get_origin(kind) is not tuple:
        return kind.__name__
    wanted = typing.get_args(kind)
    what = "whole numbers" if wanted[0] is int else "numbers"
    how_many = "any number of" if wanted[-1] is Ellipsis else {2: "two"}.get(len(wanted), str(len(wanted)))
    return f"{how_many} {what} such as 16,32"

"""Everything that a training run can be asked, one independent field per choice."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from study.commands import unknown


@dataclasses.dataclass(frozen=True)
class Config:
    """A generative adversarial run.

    Parameters
    ----------
    experiment, variant : str
        Name of the run folder: runs/<experiment>/<variant>/seed-<n>.
    dataset : "patches", "digits", "mnist" or "fashion"
    image_size : int
        Side of the square gray images in pixels, a multiple of 4.
    n_steps : int
        T, network steps per image.
    n_latent : int
    generator_hidden : int
        Units of the generator's first layer.
    generator_channels : (int, int)
        Channels at a quarter and at half of the image size.
    decoder : str
        See `trained.decoder.DECODERS`.
    critic_channels : (int, int)
    critic_kernel : int
    critic_hidden : int
    critic_dense_norm : bool
        Batch norm in the critic's dense layer. SGAD's released code has none; without it the layer starts silent.
    objective : "em" or "bce"
        Earth-Mover difference of critic means (SGAD), or binary cross entropy.
    critic_clip : float
        Bound on the critic's weights after each of its steps; 0 is none, as in SGAD's released code.
    critic_steps : int
        Critic updates per generator update.
    n_updates : int
        Generator updates; 0 trains nothing (an untrained twin, its batch norm calibrated).
    batch_size : int
    learning_rate_generator, learning_rate_critic : float
        Of RMSprop.
    calibration_batches : int
        Batches over which the batch-norm statistics of the final weights are measured.
    checkpoint_every : int
        Updates between checkpoints and lines of metrics.jsonl.
    """

    experiment: str
    variant: str
    dataset: str
    image_size: int = 32
    n_steps: int = 16
    n_latent: int = 32
    generator_hidden: int = 256
    generator_channels: tuple[int, int] = (32, 16)
    decoder: str = "attention"
    critic_channels: tuple[int, int] = (16, 32)
    critic_kernel: int = 5
    critic_hidden: int = 256
    critic_dense_norm: bool = True
    objective: str = "em"
    critic_clip: float = 0.0
    critic_steps: int = 1
    n_updates: int = 100
    batch_size: int = 32
    learning_rate_generator: float = 2e-3
    learning_rate_critic: float = 2e-4
    calibration_batches: int = 10
    checkpoint_every: int = 25

    def __post_init__(self) -> None:
        for name in ("image_size", "n_steps", "n_latent", "batch_size", "checkpoint_every", "critic_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; at least 1 is needed.")
        if self.image_size % 4:
            raise ValueError(f"image_size is {self.image_size}; it must be a multiple of 4.")
        if self.n_updates < 0:
            raise ValueError(f"n_updates is {self.n_updates}; 0 or more is allowed.")
        if self.batch_size < 2:
            raise ValueError(f"batch_size is {self.batch_size}; batch norm needs at least 2.")

    @property
    def name(self) -> str:
        """<experiment>/<variant>."""
        return f"{self.experiment}/{self.variant}"


def to_json(config: Config) -> str:
    """Return the configuration as JSON with sorted keys."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def from_mapping(values: Mapping[str, Any]) -> Config:
    """Return the configuration that `values` describe (as read from JSON).

    Raises
    ------
    ValueError
        For an unknown key or a value of the wrong type.
    """
    types = typing.get_type_hints(Config)
    for key in values:
        if key not in types:
            raise unknown("configuration key", key, types)
    return Config(**{key: _convert(key, value, types[key]) for key, value in values.items()})


def override(config: Config, assignments: Iterable[str]) -> Config:
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
    return from_mapping(values)


def _convert(key: str, value: Any, kind: Any) -> Any:
    try:
        if typing.get_origin(kind) is tuple:
            parts = value.split(",") if isinstance(value, str) else list(value)
            if len(parts) != len(typing.get_args(kind)):
                raise ValueError
            return tuple(int(part) for part in parts)
        if kind is bool and not isinstance(value, bool):
            return {"true": True, "false": False}[value.lower()]
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        return kind(value)
    except (ValueError, KeyError, AttributeError, TypeError):
        shown = "two whole numbers such as 16,32" if typing.get_origin(kind) else kind.__name__
        raise ValueError(
            f"configuration key {key} is {value!r}; a value of type {shown} is needed."
        ) from None

"""What a backend takes and gives: batches of stimuli in, spikes and the readout out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from bio.network import BrianNetwork


class Shown(Protocol):
    """What is shown in each batch, (stimulus, row, column): a list of arrays, or what makes them when asked."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int, /) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class Job:
    """Simulations of one network that differ only in what they are shown.

    Parameters
    ----------
    build : callable (shown) -> BrianNetwork
        Makes the Brian2 objects for what is shown, (stimulus, row, column), see `bio.presentation`.
    si_rows : callable (shown) -> array
        Turns it into what `BrianNetwork.stimulus` holds, (row, column), currents in SI units.
    batches : Shown
        All of the same shape.
    n_processes : int
        How many batches may run at the same time.
    progress : callable (stimuli) -> None
        Told how many stimuli, a fraction included, were done since the last call; called from any thread.
    say : callable (text) -> None
        Told what is being done when that is not simulating.
    noise_seed : int, optional
        Of what Brian2 draws while it runs.
    """

    build: Callable[[np.ndarray], BrianNetwork]
    si_rows: Callable[[np.ndarray], np.ndarray]
    batches: Shown
    n_processes: int
    progress: Callable[[float], None]
    say: Callable[[str], None]
    noise_seed: int | None = None

    def seed_of(self, number: int) -> int:
        """Return the seed of one batch: batches are parts of one sequence, and must not be given the same noise."""
        return int(np.random.SeedSequence([self.noise_seed or 0, number]).generate_state(1)[0])


@dataclasses.dataclass(frozen=True)
class Batch:
    """What one batch gave.

    Parameters
    ----------
    spikes : dict of layer name to (unit, time)
        Integer array and array in s, both (spike,).
    readout : array, (sample, unit)
        As recorded, in SI units; sample 0 precedes the first step.
    """

    spikes: dict[str, tuple[np.ndarray, np.ndarray]]
    readout: np.ndarray


Backend = Callable[[Job], Iterator[Batch]]

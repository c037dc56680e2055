"""Batches: equal parts of a sequence of stimuli, each simulated by itself."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bio.presentation import Presentation

# Spikes are kept until a batch ends: 12 bytes each, twice while a C++ vector grows, should every unit always fire.
BATCH_BYTES = 400e6


@dataclasses.dataclass(frozen=True)
class Batches:
    """What is shown in each batch, as rows that are made when they are asked for and kept by nobody.

    Parameters
    ----------
    presentation : Presentation
    stimuli, draws : array
        As `Presentation.check` returned them.
    index : int array, (batch, stimulus)
        Which stimuli a batch shows, one after the other.
    """

    presentation: Presentation
    stimuli: np.ndarray
    draws: np.ndarray | None
    index: np.ndarray

    @property
    def size(self) -> int:
        """Stimuli of each batch."""
        return int(self.index.shape[1])

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, number: int) -> np.ndarray:
        """Return what a batch shows, (stimulus, row, column)."""
        chosen = self.index[number]
        draws = None if self.draws is None else self.draws[chosen]
        return self.presentation.rows_of(self.stimuli[chosen], draws)


def split(presentation: Presentation, n_shown: int, n_processes: int) -> np.ndarray:
    """Split a sequence into equal batches that fit memory; the last is filled up with its own last stimulus.

    Without reset there is one batch, whatever memory it takes.

    Returns
    -------
    int array, (batch, stimulus)
        Places in the sequence.
    """
    if not presentation.reset:
        return np.arange(n_shown)[None]
    n_units = sum(layer.n_units for layer in presentation.network.layers)
    of_one = 24 * n_units * presentation.period_steps + 8 * math.prod(presentation.row_shape)
    n_batches = math.ceil(n_shown / max(1, int(BATCH_BYTES / of_one)))
    n_batches = min(n_shown, math.ceil(n_batches / n_processes) * n_processes)
    size = math.ceil(n_shown / n_batches)
    n_batches = math.ceil(n_shown / size)
    return np.minimum(np.arange(n_batches * size), n_shown - 1).reshape(n_batches, size)

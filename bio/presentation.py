"""How stimuli follow one another: the rows of numbers that Brian2 reads while it simulates."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bio.connectivity import analog_current
from study.network import FirstSpike, Network, Pick, first_spike_steps

NEVER = -1.0  # the step of a first spike that does not come


@dataclasses.dataclass(frozen=True)
class Presentation:
    """What is shown when, in rows that each last `row_steps` network steps.

    The columns of a row are, one after the other, `n_input` values of the input (the constant current of every unit
    of the first layer; or 0/1 per input unit; or the step of its only spike) and `n_draws` draws.

    Parameters
    ----------
    network : Network
    blank_steps : int
        Network steps between a stimulus and the next, without input: no spikes, or an analog input of 0. Constant
        drives stay.
    reset : bool
        Whether every stimulus begins from rest; else the network goes on from the state that the one before left.

    Raises
    ------
    ValueError
        If there are fewer than 0 blank steps, or neurons that fire once are never reset.
    """

    network: Network
    blank_steps: int = 0
    reset: bool = True

    def __post_init__(self) -> None:
        if self.blank_steps < 0:
            raise ValueError(f"blank_steps is {self.blank_steps}; at least 0 is needed.")
        once = [layer.name for layer in self.network.layers if isinstance(layer.neuron, FirstSpike)]
        if once and not self.reset:
            raise ValueError(
                f"layer {once[0]} fires once per stimulus and then waits for a reset; simulate this network with reset."
            )

    @property
    def period_steps(self) -> int:
        """Network steps from one stimulus to the next."""
        return self.network.n_steps + self.blank_steps

    @property
    def row_steps(self) -> int:
        """Network steps that a row lasts."""
        if self.network.input == "spikes" or self.network.pick is not None:
            return 1
        return math.gcd(self.network.n_steps, self.blank_steps)

    @property
    def n_rows(self) -> int:
        """Rows per stimulus, the blank after it included."""
        return self.period_steps // self.row_steps

    @property
    def n_input(self) -> int:
        """Columns of the input."""
        if self.network.input == "draws":
            return 0
        if self.network.input == "constant":
            return self.network.layers[0].n_units
        return math.prod(self.network.input_shape)

    @property
    def n_draws(self) -> int:
        """Columns of draws."""
        return 0 if self.network.pick is None else self.network.pick.n_units

    @property
    def row_shape(self) -> tuple[int, int]:
        """(row, column) of one stimulus."""
        return self.n_rows, self.n_input + self.n_draws

    def check(
        self, stimuli: np.ndarray, draws: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return stimuli as float64 (stimulus, value), and draws, after checking that the network takes them.

        Parameters
        ----------
        stimuli : array
            As the network's input says, see `study.network.INPUTS`; an image of one channel needs no channel axis.
        draws : int array, (stimulus, step, n_out), optional
            For a network that picks and has another input.

        Raises
        ------
        ValueError
            If the shape differs, there is no stimulus, or a value is not allowed.
        """
        network = self.network
        if network.input == "draws":
            if draws is not None:
                raise ValueError("the network's only input is draws; give them as stimuli.")
            stimuli, draws = np.zeros((len(stimuli), 0)), stimuli
        else:
            stimuli = _flat(network, np.asarray(stimuli, np.float64))
        if (draws is None) != (network.pick is None):
            raise ValueError(
                f"draws are {'missing' if draws is None else 'given'}, but the network has "
                f"{'a' if draws is None else 'no'} layer that picks; "
                f"{'give integers (stimulus, step, n_out)' if draws is None else 'leave them out'}."
            )
        return stimuli, None if draws is None else _checked_draws(network, draws, len(stimuli))

    def rows(self, stimuli: np.ndarray, draws: np.ndarray | None = None) -> np.ndarray:
        """Return float64 (stimulus, row, column), dimensionless, of what `check` takes."""
        return self.rows_of(*self.check(stimuli, draws))

    def rows_of(self, stimuli: np.ndarray, draws: np.ndarray | None) -> np.ndarray:
        """Return float64 (stimulus, row, column), dimensionless, of what `check` returned."""
        shown = np.zeros((len(stimuli), *self.row_shape))
        self._fill_input(shown[..., : self.n_input], stimuli)
        if draws is not None:
            shown[:, : self.network.n_steps, self.n_input :] = draws
        return shown

    def _fill_input(self, shown: np.ndarray, stimuli: np.ndarray) -> None:
        network, n_shown = self.network, self.network.n_steps // self.row_steps
        if network.input == "constant":
            shown[:] = network.layers[0].drive
            shown[:, :n_shown] = analog_current(network.layers[0], stimuli)[:, None]
        elif network.input == "spikes":
            shown[:, :n_shown] = stimuli.reshape(len(stimuli), n_shown, self.n_input)
        elif network.input == "first_spike":
            steps = first_spike_steps(stimuli, network.n_steps, network.zero_spikes)
            shown[:] = np.where(steps < network.n_steps, steps, NEVER)[:, None]


def _flat(network: Network, values: np.ndarray) -> np.ndarray:
    """Return stimuli as (stimulus, ...) with the input's units in one axis after checking that they fit."""
    shape = network.input_shape
    allowed = [shape] + ([shape[1:]] if len(shape) == 3 and shape[0] == 1 else [])
    if network.input == "spikes":
        allowed = [(network.n_steps, *one) for one in allowed]
    if values.shape[1:] not in allowed:
        raise ValueError(
            f"stimuli have the shape {values.shape}, but the {network.role} takes {allowed[0]} per stimulus; "
            "make stimuli of that size or export a network that was trained on this size."
        )
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"{len(values)} stimuli with {int((~np.isfinite(values)).sum())} NaN or infinite values; "
            "at least one stimulus and finite values are needed."
        )
    if network.input == "spikes" and not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"spike trains hold values from {values.min():g} to {values.max():g}; allowed are 0 and 1 alone."
        )
    return values.reshape(len(values), -1)


def _checked_draws(network: Network, draws: np.ndarray, n_stimuli: int) -> np.ndarray:
    draws = np.asarray(draws)
    pick = next(layer.connection for layer in network.layers if isinstance(layer.connection, Pick))
    shape = (n_stimuli, network.n_steps, pick.n_out)
    if draws.shape != shape or not n_stimuli:
        raise ValueError(
            f"draws have the shape {draws.shape}, but the network takes (stimulus, step, n_out), here {shape}."
        )
    wrong = (draws != np.floor(draws)) | (draws < 0) | (draws >= pick.n_each)
    if wrong.any():
        raise ValueError(
            f"draws hold {draws[wrong][0]}; allowed are whole numbers from 0 to {pick.n_each - 1}."
        )
    return draws

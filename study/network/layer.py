"""A layer: what reaches one population and how it answers."""

from __future__ import annotations

import dataclasses

import numpy as np

from study.network.arrays import Shape, checked_shape, frozen_array
from study.network.connections import Connection, MaxPool2d, Weighted
from study.network.neurons import RELAY, CubaLI, CubaLIF, Neuron, Spiking


@dataclasses.dataclass(frozen=True)
class Recurrent:
    """Input from a layer's spikes of the step before: connection(s_source[t-1]) is added to I[t]; s[-1] = 0.

    Parameters
    ----------
    source : str
        Name of the layer itself or of a later one.
    connection : Dense, Conv2d, ConvTranspose2d or Sparse
    """

    source: str
    connection: Weighted

    def __post_init__(self) -> None:
        if not isinstance(self.connection, Weighted):
            raise ValueError(
                f"the recurrent connection from {self.source} is a {self.connection.kind}; "
                "allowed are dense, conv2d, conv_transpose2d, sparse."
            )


@dataclasses.dataclass(frozen=True)
class Layer:
    """One population.

    Parameters
    ----------
    name : str
        Lower case letters and digits: it becomes the name of Brian2 objects and of result groups.
    shape : tuple of int
        Shape of the layer's units, (unit,) or (channel, y, x).
    connection : Dense, Conv2d, ConvTranspose2d, Sparse, MaxPool2d, Pick or None
        From the layer before (or the input). None in a first layer that has recurrent input only.
    drive : array, (n_units,)
        Constant current per unit and step (biases and the shift of a folded batch norm).
    neuron : LIF, FirstSpike, CubaLIF, LeakyIntegrator, CubaLI or Current
    recurrent : tuple of Recurrent
        Further input, one step later.
    """

    name: str
    shape: Shape
    connection: Connection | None
    drive: np.ndarray
    neuron: Neuron
    recurrent: tuple[Recurrent, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", checked_shape(self.shape, f"the shape of layer {self.name}"))
        object.__setattr__(self, "drive", frozen_array(self.drive, f"drive of layer {self.name}", 1))
        object.__setattr__(self, "recurrent", tuple(self.recurrent))
        if not (
            self.name.isascii() and self.name.isalnum() and self.name.islower() and self.name[0].isalpha()
        ):
            raise ValueError(f"layer name {self.name!r}; allowed are lower case letters and digits.")
        self._check_connections()

    def _check_connections(self) -> None:
        if self.connection is None:
            if not self.recurrent:
                raise ValueError(
                    f"layer {self.name} has neither a connection nor recurrent input; give it one of them."
                )
            n_out = self.recurrent[0].connection.n_out
        else:
            n_out = self.connection.n_out
        if not self.n_units == n_out == len(self.drive):
            raise ValueError(
                f"layer {self.name}: shape {self.shape} has {self.n_units} units, its connection "
                f"{n_out} and its drive {len(self.drive)}; all three must agree."
            )
        if isinstance(self.neuron, CubaLIF | CubaLI) and len(self.neuron.decay) != self.n_units:
            raise ValueError(
                f"layer {self.name} has {self.n_units} units, but its {self.neuron.kind} neurons have parameters for "
                f"{len(self.neuron.decay)}; they must agree."
            )
        for recurrent in self.recurrent:
            if recurrent.connection.n_out != self.n_units:
                raise ValueError(
                    f"layer {self.name} has {self.n_units} units, but the recurrent connection from "
                    f"{recurrent.source} reaches {recurrent.connection.n_out}; they must agree."
                )
        if isinstance(self.connection, MaxPool2d) and (
            self.neuron != RELAY or self.drive.any() or self.recurrent
        ):
            raise ValueError(
                f"layer {self.name} pools maxima, so its neuron must be study.network.RELAY, its drive 0 and its "
                "input nothing else."
            )

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(np.prod(self.shape))

    @property
    def spikes(self) -> bool:
        """Whether the layer's output is 0/1."""
        return isinstance(self.neuron, Spiking)

    @classmethod
    def max_pool(cls, name: str, connection: MaxPool2d) -> Layer:
        """Return the layer that pools maxima."""
        return cls(name, connection.output_shape, connection, np.zeros(connection.n_out), RELAY)

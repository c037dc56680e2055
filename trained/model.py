"""What every family's model can do, so that one set of commands serves all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from study import network as spec
from trained.config import RunConfig

Trace = dict[str, np.ndarray]


class AbstractModel(nn.Module, ABC):
    """The networks that one run trains.

    Parameters
    ----------
    config : RunConfig
    seed : int
        Of the initial weights, which must not depend on anything else.
    """

    roles: tuple[str, ...] = ()  # names of the networks that can be exported

    def __init__(self, config: RunConfig, seed: int):
        super().__init__()
        self.config, self.seed = config, seed

    @property
    def label(self) -> str:
        """<experiment>/<variant>/seed-<n>, as in tables."""
        return f"{self.config.name}/seed-{self.seed}"

    @abstractmethod
    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Describe one network as it is in evaluation mode, in float64; `facts` is its provenance."""

    @abstractmethod
    def trace(self, role: str, inputs: Tensor) -> Trace:
        """Run one network as it stands, nothing folded, and return every layer's output.

        Parameters
        ----------
        role : str
        inputs : Tensor
            As `verification_inputs` gives them.

        Returns
        -------
        dict of str to array
            Per spiking layer 0/1, (time, batch, unit); `readout` (time, batch, unit); `image` (batch, unit) where the
            network decodes one.
        """

    @abstractmethod
    def verification_inputs(self, role: str, n: int, seed: int) -> Tensor:
        """Return `n` distinct inputs of one network, (n, *input_shape).

        Raises
        ------
        ValueError
            If there are not so many.
        """

    def sample(self, n: int, seed: int) -> Tensor:
        """Return `n` generated images in evaluation mode, (n, channel, y, x), in [0, 1].

        Raises
        ------
        ValueError
            If the model makes no images.
        """
        raise ValueError(f"{self.config.name} makes no images; give the run of a generator.")

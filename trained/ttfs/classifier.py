"""Digits told apart by which output fires first."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from study import network as spec
from study.commands import unknown
from trained.data import distinct_images
from trained.model import AbstractModel, Trace
from trained.ttfs.config import TTFSClassifierConfig
from trained.ttfs.data import N_CLASSES
from trained.ttfs.network import FirstSpikeNetwork

ROLES = ("classifier",)
NAMES = ("hidden", "output")


class TTFSClassifier(AbstractModel):
    """Image -> hidden -> ten outputs, all units firing at most once; the class is that of the earliest output.

    Parameters
    ----------
    config : TTFSClassifierConfig
    seed : int
        Of the initial weights.
    """

    roles = ROLES
    config: TTFSClassifierConfig

    def __init__(self, config: TTFSClassifierConfig, seed: int = 0):
        super().__init__(config, seed)
        random = torch.Generator().manual_seed(seed)
        n_in, n_hidden = config.image_size**2, config.n_hidden
        hidden = torch.randn(n_in, n_hidden, generator=random) * config.hidden_sd + config.hidden_mean
        output = torch.randn(n_hidden, N_CLASSES, generator=random) * config.output_sd + config.output_mean
        self.network = FirstSpikeNetwork(
            "classifier",
            ((1, config.image_size, config.image_size), (n_hidden,), (N_CLASSES,)),
            (hidden, output),
            (config.rule, config.rule),
        )

    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Describe the network; see `AbstractModel`."""
        return self._network(role).export(facts, NAMES)

    def trace(self, role: str, inputs: Tensor) -> Trace:
        """Run the network; see `AbstractModel`. The outputs are the readout."""
        return self._network(role).trace(inputs, NAMES)

    def verification_inputs(self, role: str, n: int, seed: int) -> Tensor:
        """Return training images that all differ; see `AbstractModel`."""
        self._network(role)
        return distinct_images(self.config, n, seed)

    def _network(self, role: str) -> FirstSpikeNetwork:
        if role not in ROLES:
            raise unknown(f"network of {self.config.name}", role, ROLES)
        return self.network

"""Operations are counted as Brian2 counts synapses, and energies follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from trained.configurations import named_config
from trained.gan_network import GanModel
from trained.network import Population, SpikingNetwork
from trained.synops import energy_nj, fan_out, operations


@pytest.mark.parametrize("role", ["generator", "critic"])
def test_fan_out_is_the_number_of_exported_synapses(role: str) -> None:
    """The description that `bio` simulates lists every synapse, average pooling folded in."""
    from bio.connectivity import edges

    model = GanModel(named_config("tiny-patches/sgad"))
    exported = model.export(role, {})
    for population, layer in zip(model.network(role).chain, exported.layers, strict=True):
        i, _, _ = edges(layer.connection)
        counted = np.bincount(i, minlength=layer.connection.n_in)
        assert np.array_equal(fan_out(population).flatten().numpy(), counted), population.name


def test_a_network_whose_spikes_are_known() -> None:
    """Two inputs, three units that fire at every step, one readout unit: 3 spikes per step reach 1 synapse each."""
    first = Population("a", (2,), (3,), nn.Linear(2, 3), norm=False)
    second = Population("readout", (3,), (1,), nn.Linear(3, 1), norm=False)
    with torch.no_grad():
        first.synapse.bias.fill_(100.0)
    network = SpikingNetwork("critic", [first, second], 5)
    found = operations(network, torch.zeros(4, 2))
    assert [(x.layer, x.synapses, x.accumulations) for x in found] == [("a", 6, 0.0), ("readout", 3, 15.0)]
    spiking, analog = energy_nj(found)
    assert spiking == pytest.approx((6 * 4.6 + 15 * 0.9) / 1000)
    assert analog == pytest.approx(9 * 4.6 / 1000)

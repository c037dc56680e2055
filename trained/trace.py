"""What every unit of a network does at every step, as numpy arrays."""

from __future__ import annotations

import numpy as np
import torch

from trained.network import SpikingNetwork


def trace(network: SpikingNetwork, inputs: torch.Tensor) -> dict[str, np.ndarray]:
    """Run `network` as it stands (its own mode, batch norm and precision) and return all outputs.

    Parameters
    ----------
    network : SpikingNetwork
    inputs : Tensor, (batch, *input_shape)

    Returns
    -------
    dict of str to array
        Per spiking layer 0/1, (time, batch, unit); `readout` (time, batch, unit), the generator's current before its
        sigmoid or the critic's membrane; for a generator also `image` (batch, unit).
    """
    dtype = next(network.parameters()).dtype
    with torch.no_grad():
        outputs = {name: x.flatten(2).numpy() for name, x in network.states(inputs.to(dtype)).items()}
        if network.decoder is not None:
            outputs["image"] = network.decoder.decode(torch.from_numpy(outputs["readout"])).numpy()
    return outputs

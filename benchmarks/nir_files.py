"""Make the NIR files of tests/bio/nir_files: networks exported and simulated by snnTorch, SpikingJelly and Norse.

These libraries are no part of this project. In an environment of their own (the files came from the versions named here):

    pip install torch==2.13.0 snntorch==1.0.0 spikingjelly==2.0.0 norse==1.1.0 nir==1.0.8 nirtorch==2.6
    python benchmarks/nir_files.py tests/bio/nir_files

For every network NAME it writes NAME.nir, as the library exports it, and NAME.npz: `inputs` (stimulus, step, *shape), 0/1, and
`spikes0`, `spikes1`, ... (stimulus, step, unit), how every population answers in the library's own simulation, in float32;
and `membrane` (stimulus, step, unit) of a last one that does not fire.
"""

import sys
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import snntorch as snn
import torch
from norse.torch.utils.export_nir import to_nir
from snntorch.export_nir import export_to_nir
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir as export_spikingjelly
from torch import nn

N_STIMULI, N_STEPS = 4, 30


def snntorch_networks():
    """Return {name: (network, input shape)}; parameters as tensors, for the exporter writes scalars without a shape."""
    own = {"init_hidden": True, "reset_mechanism": "zero"}  # subtraction would be exported as reset to zero
    conv = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, bias=False),
        snn.Leaky(torch.full((3, 8, 8), 0.9), threshold=torch.full((3, 8, 8), 0.8), **own),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(48, 6),
        snn.Leaky(torch.linspace(0.6, 0.95, 6), threshold=torch.full((6,), 0.15), **own),
    )
    recurrent = nn.Sequential(
        nn.Linear(5, 4),
        # With the default of reset_delay these two lose the input of the step after a spike, which NIR does not have.
        snn.RLeaky(0.9, all_to_all=True, linear_features=4, reset_delay=False, **own),
        nn.Linear(4, 3),
        snn.Synaptic(
            alpha=torch.full((3,), 0.8),
            beta=torch.full((3,), 0.7),
            threshold=torch.full((3,), 4.0),
            reset_delay=False,
            **own,
        ),
    )
    return {"snntorch_conv": (conv, (1, 8, 8)), "snntorch_recurrent": (recurrent, (5,))}


def spikingjelly_networks():
    """Return {name: (network, input shape)}."""
    conv = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1),
        neuron.IFNode(v_threshold=0.7, v_reset=-0.1),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 8),
        neuron.LIFNode(tau=2.0, v_threshold=-0.02, v_reset=-0.2),
        nn.Linear(8, 5),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_threshold=0.3, v_reset=0.0),
    )
    return {"spikingjelly_conv": (conv, (1, 8, 8))}


def norse_networks():
    """Return {name: (network, input shape)}."""
    first = norse.LIFBoxParameters(
        tau_mem_inv=torch.linspace(50, 400, 8),
        v_leak=torch.full((8,), -0.1),
        v_th=torch.full((8,), 0.02),
        v_reset=torch.zeros(8),  # the only one that is exported
    )
    second = norse.LIFBoxParameters(
        tau_mem_inv=torch.full((6,), 100.0),
        v_leak=torch.zeros(6),
        v_th=torch.full((6,), 0.05),
        v_reset=torch.zeros(6),
    )
    last = norse.LIBoxParameters(tau_mem_inv=torch.full((4,), 100.0), v_leak=torch.full((4,), 0.2))
    network = norse.SequentialState(
        nn.Linear(5, 8),
        norse.LIFBoxCell(p=first),
        nn.Linear(8, 6),
        norse.LIFBoxCell(p=second),
        nn.Linear(6, 4),
        norse.LIBoxCell(p=last),
    )
    return {"norse_dense": (network, (5,))}


def run_norse(network, inputs):
    """Return the outputs (stimulus, step, unit) of every population; states are handed on."""
    states, found = {}, {}
    with torch.no_grad():
        for t in range(N_STEPS):
            value = inputs[:, t]
            for number, module in enumerate(network.children()):
                if isinstance(module, nn.Linear):
                    value = module(value)
                else:
                    value, states[number] = module(value, states.get(number))
                    found.setdefault(number, []).append(value)
    return [torch.stack(steps, 1).numpy() for steps in found.values()]


def run(network, inputs):
    """Return the spikes (stimulus, step, unit) of every population; modules keep their state."""
    found = {number: [] for number, module in enumerate(network) if fires(module)}
    with torch.no_grad():
        for t in range(N_STEPS):
            value = inputs[:, t]
            for number, module in enumerate(network):
                value = module(value)
                if number in found:
                    found[number].append(value.flatten(1))
    return [torch.stack(steps, 1).numpy() for steps in found.values()]


def fires(module):
    """Return whether a module is a population."""
    return isinstance(module, snn.SpikingNeuron | neuron.BaseNode)


def inputs_of(shape):
    """Return 0/1 trains (stimulus, step, *shape), float32."""
    return (torch.rand(N_STIMULI, N_STEPS, *shape) < 0.4).float()


def main(folder):
    """Write the files of all networks."""
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    for name, (network, shape) in snntorch_networks().items():
        inputs = inputs_of(shape)
        graph = export_to_nir(network, inputs[:1, 0], ignore_dims=[0])
        for module in network:
            if fires(module):
                module.reset_mem()
        save(folder / name, graph, inputs, run(network, inputs))
    for name, (network, shape) in spikingjelly_networks().items():
        inputs = inputs_of(shape)
        graph = export_spikingjelly(network, inputs[:1, 0], dt=1e-4)
        functional.reset_net(network)
        save(folder / name, graph, inputs, run(network, inputs))
    for name, (network, shape) in norse_networks().items():
        inputs = inputs_of(shape)
        graph = to_nir(network, inputs[0, 0], dt=1)  # its dt is a factor of all time constants
        *spikes, membrane = run_norse(network, inputs)
        save(folder / name, graph, inputs, spikes, membrane)


def save(path, graph, inputs, spikes, membrane=None):
    """Write one network's graph, inputs and outputs."""
    nir.write(f"{path}.nir", graph)
    more = {} if membrane is None else {"membrane": membrane}
    arrays = {f"spikes{number}": values.astype(np.uint8) for number, values in enumerate(spikes)}
    np.savez_compressed(f"{path}.npz", inputs=inputs.numpy().astype(np.uint8), **arrays, **more)
    rates = ", ".join(f"{values.mean():.3f}" for values in spikes)
    print(f"{path}: spikes per unit and step {rates}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Run a transplanted network in Brian2, then change it: a threshold, a monitor, an injected current.

    python examples/edit_a_network.py [NETWORK] [--figure FILE]

NETWORK is a file that `python -m trained export` wrote, of a generator or critic. Without it, a small random critic
is described here, so that the script runs as it is. Nothing below is special: groups, synapses and monitors are
ordinary Brian2 objects, and `study.network` holds what was learned as plain arrays.
"""

from __future__ import annotations

import argparse
from typing import Any

import brian2
import numpy as np
from brian2 import mV, nA

import bio
from study.network import LIF, Conv2d, Dense, Layer, LeakyIntegrator, Network

brian2.prefs.codegen.target = "numpy"  # needs no compiler


def random_spec(rng: np.random.Generator) -> Network:
    """Describe a critic of 8 x 8 images with random weights: convolution, dense layer, a membrane to read from."""
    neuron = LIF(decay=0.5, gain=0.5)  # V = 0.5 V + 0.5 I, fires above 1, then V = 0
    conv = Conv2d(rng.normal(size=(4, 1, 3, 3)), input_shape=(1, 8, 8), stride=2, padding=1)
    dense = Dense(rng.normal(size=(10, conv.n_out)) * 0.4)
    last = Dense(rng.normal(size=(1, 10)))
    layers = (
        Layer("conv1", conv.output_shape, conv, np.full(conv.n_out, 0.6), neuron),
        Layer("dense1", (10,), dense, np.full(10, 0.8), neuron),
        Layer("readout", (1,), last, np.zeros(1), LeakyIntegrator(decay=0.5, gain=0.5)),
    )
    return Network("critic", input_shape=(1, 8, 8), n_steps=8, layers=layers)


def build(spec: Network, stimuli: np.ndarray) -> Any:
    """Make the Brian2 objects at level `lif` (mV, ms, pA), with 8 time steps per network step."""
    return bio.build_network(spec, stimuli, level="lif", dt_ms=250 / spec.n_steps / 8)


def rates(brian: Any) -> dict[str, float]:
    """Return the mean rate of every layer in Hz."""
    seconds = float(brian.duration)
    return {name: monitor.num_spikes / monitor.source.N / seconds for name, monitor in brian.spikes.items()}


def main() -> None:
    """Run the network as it was learned, edit it, run it again, and print what changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", help="exported network; default: a random one")
    parser.add_argument("--figure", help="draw the membrane of one neuron to this file")
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    spec = bio.load_spec(arguments.network) if arguments.network else random_spec(rng)
    draw = rng.normal if spec.role == "generator" else rng.random
    stimuli = draw(size=(2, *spec.input_shape))

    # As it was learned. Every layer is a NeuronGroup of the layer's name.
    learned = build(spec, stimuli)
    learned.network.run(learned.duration, namespace={})

    # The same network, edited.
    edited = build(spec, stimuli)
    first, second = list(edited.groups)[:2]
    edited.groups[first].namespace["V_T"] += 3 * mV  # a constant: harder to excite
    edited.groups[second].I_drive += 0.05 * nA  # a parameter per neuron: current into every one
    membrane = brian2.StateMonitor(edited.groups[second], "v", record=[0], name="my_membrane")
    edited.network.add(membrane)
    edited.network.run(edited.duration, namespace={})

    for name, rate in rates(learned).items():
        print(f"{name}: {rate:.1f} Hz as learned, {rates(edited)[name]:.1f} Hz edited")
    v = membrane.v[0] / mV
    print(f"membrane of {second}[0]: {v.min():.1f} to {v.max():.1f} mV")
    if arguments.figure:
        plot(membrane, second, arguments.figure)


def plot(membrane: Any, name: str, path: str) -> None:
    """Draw the recorded membrane."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 2.5), layout="constrained")
    axes.plot(membrane.t / brian2.ms, membrane.v[0] / mV, linewidth=1)
    axes.set(xlabel="time (ms)", ylabel="membrane (mV)", title=f"{name}, neuron 0")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

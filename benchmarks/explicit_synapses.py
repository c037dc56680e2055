"""A critic in Brian2 as one would write it at first: every synapse with a weight of its own, one run per image.

Compiled once; `device.run(run_args=...)` brings the next image. The same difference equations, in the same order within a
step, as `bio.levels.exact`; Brian2's preferences are those that it is installed with.
"""

from __future__ import annotations

import tempfile
import time
from typing import Any

import brian2
import numpy as np
from brian2.devices.device import get_device, reset_device, set_device

from bio.connectivity import analog_current, edges, weights
from study.network import Layer, Network


def simulate_one_by_one(network: Network, images: np.ndarray) -> dict[str, Any]:
    """Return seconds to build, seconds to run, and counts {layer: (image, unit)}.

    Parameters
    ----------
    network : Network
        Dense and convolutional layers of leaky integrate-and-fire neurons, then a leaky integrator.
    images : array, (image, *input_shape)
    """
    values = images.reshape(len(images), -1).astype(np.float64)
    currents = np.ascontiguousarray(analog_current(network.layers[0], values))
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        set_device("cpp_standalone", directory=folder, build_on_run=False)
        shown, monitors = _build(network, currents[:1])
        get_device().build(run=False, compile=True, with_output=False, directory=folder)
        built = time.perf_counter()
        counts: dict[str, list[np.ndarray]] = {name: [] for name in monitors}
        for current in currents:
            get_device().run(with_output=False, run_args={shown: current})
            for name, monitor in monitors.items():
                spikes = np.asarray(monitor.i)
                counts[name].append(np.bincount(spikes, minlength=monitor.source.N))
            get_device().delete(code=False, directory=False, run_args=True, data=False)
        seconds = time.perf_counter() - built
        get_device().reinit()
        reset_device()
    return {
        "build_s": built - begun,
        "run_s": seconds,
        "counts": {name: np.array(values) for name, values in counts.items()},
    }


def _build(network: Network, current: np.ndarray) -> tuple[Any, dict[str, Any]]:
    """Return (what is shown as a run argument, {layer: its spikes}) of a network that was run for one image."""
    brian2.defaultclock.dt = 1 * brian2.ms
    parts, monitors = brian2.Network(), {}
    groups = [_group(layer, 10 * depth) for depth, layer in enumerate(network.layers)]
    for depth, (layer, group) in enumerate(zip(network.layers, groups, strict=True)):
        parts.add(group)
        if depth:
            i, j, k = edges(layer.connection)
            synapses = brian2.Synapses(groups[depth - 1], group, "w : 1", on_pre="I_post += w")
            synapses.connect(i=i, j=j)
            synapses.w = weights(layer.connection)[k]
            synapses.pre.when, synapses.pre.order = "groups", 10 * depth - 5
            parts.add(synapses)
            group.b = layer.drive
        if layer.spikes:
            monitors[layer.name] = brian2.SpikeMonitor(group)
            parts.add(monitors[layer.name])
    groups[0].b = current[0]
    parts.run(network.n_steps * brian2.ms, namespace={})
    return groups[0].b, monitors


def _group(layer: Layer, order: int) -> Any:
    neuron = layer.neuron
    constants = {"decay": neuron.decay, "gain": neuron.gain}
    fires: dict[str, str] = {}
    if layer.spikes:
        constants |= {"v_threshold": neuron.v_threshold, "v_reset": neuron.v_reset}
        fires = {
            "threshold": f"v {neuron.threshold_rule} v_threshold",
            "reset": "v = v_reset" if neuron.reset == "hard" else "v -= v_threshold",
        }
    group = brian2.NeuronGroup(
        layer.n_units, "v : 1\nI : 1\nb : 1", name=layer.name, namespace=constants, **fires
    )
    group.run_regularly("v = decay*v + gain*(I + b); I = 0", when="groups", order=order)
    if fires:
        for offset, part in ((1, group.thresholder["spike"]), (2, group.resetter["spike"])):
            part.when, part.order = "groups", order + offset
    return group

"""An independent simulation of NIR graphs: every node by itself, step by step, by Euler's method on its equations.

A population that is asked for its output while it waits for its own input answers with the step before: cycles take one
step. Convolutions and pooling are torch's.
"""

import nir
import numpy as np
import torch

STATES = (nir.LIF, nir.IF, nir.LI, nir.I, nir.CubaLIF, nir.CubaLI, nir.Threshold)


class Simulation:
    """One stimulus; state begins at v_leak (IF: at v_reset) and no current."""

    def __init__(self, graph, dt_s):
        self.graph, self.dt = graph, dt_s
        self.state, self.last, self.shifted = {}, {}, {}
        for name, node in graph.nodes.items():
            if isinstance(node, STATES):
                shape = np.shape(node.threshold if isinstance(node, nir.Threshold) else node.r)
                self.state[name] = (np.zeros(shape), np.zeros(shape) + begins_at(node))
                self.last[name] = np.zeros(shape)
            if isinstance(node, nir.Delay):
                self.shifted[name] = []

    def run(self, inputs):
        """Return {node: (step, *shape)} of populations and the Output for inputs (step, *shape)."""
        found = {}
        for value in inputs:
            for name, output in self.step(value).items():
                found.setdefault(name, []).append(output)
        return {name: np.array(outputs) for name, outputs in found.items()}

    def step(self, value):
        self.value, self.now, self.waiting = np.asarray(value, float), {}, set()
        ends = [name for name, node in self.graph.nodes.items() if isinstance(node, nir.Output)]
        outputs = {end: self.out(end) for end in ends}
        reached = {name: self.into(name) for name in self.shifted}
        for name, value in reached.items():
            self.shifted[name].append(value)
        self.last = dict(self.now)
        return {**outputs, **self.now}

    def into(self, name):
        return sum(self.out(pre) for pre, post in self.graph.edges if post == name)

    def out(self, name):
        node = self.graph.nodes[name]
        if isinstance(node, nir.Input):
            return self.value
        if name in self.now:
            return self.now[name]
        if isinstance(node, STATES):
            if name in self.waiting:
                return self.last[name]
            self.waiting.add(name)
            self.now[name], self.state[name] = advance(node, self.into(name), *self.state[name], self.dt)
            return self.now[name]
        if isinstance(node, nir.Delay):
            return self.delayed(name, np.rint(node.delay / self.dt).astype(int))
        return linear(node, self.into(name))

    def delayed(self, name, steps):
        past = self.shifted[name]
        out = np.zeros(steps.shape)
        for where in np.ndindex(steps.shape):
            if steps[where] == 0:
                out[where] = self.into(name)[where]
            elif len(past) >= steps[where]:
                out[where] = past[-steps[where]][where]
        return out


def begins_at(node):
    """Return the membrane before the first step."""
    return node.v_reset if isinstance(node, nir.IF) else getattr(node, "v_leak", 0.0)


def advance(node, current, i, v, dt):
    """Return (output, state) after a step."""
    if isinstance(node, nir.Threshold):
        return (current > node.threshold).astype(float), (i, v)
    if isinstance(node, nir.I | nir.IF):
        v = v + dt * node.r * current
    elif isinstance(node, nir.LI | nir.LIF):
        v = v + dt / node.tau * (node.v_leak - v + node.r * current)
    else:
        i = i + dt / node.tau_syn * (-i + node.w_in * current)
        v = v + dt / node.tau_mem * (node.v_leak - v + node.r * i)
    if isinstance(node, nir.I | nir.LI | nir.CubaLI):
        return v, (i, v)
    spikes = v > node.v_threshold
    return spikes.astype(float), (i, np.where(spikes, node.v_reset, v))


def linear(node, x):
    """Return what a node without state gives."""
    t = torch.from_numpy(np.ascontiguousarray(x, dtype=float))[None]
    if isinstance(node, nir.Linear | nir.Affine):
        return np.einsum("...oi,...i->...o", node.weight, x) + getattr(node, "bias", 0.0)
    if isinstance(node, nir.Scale):
        return node.scale * x
    if isinstance(node, nir.Flatten):
        return t.flatten(node.start_dim + 1, node.end_dim if node.end_dim < 0 else node.end_dim + 1)[
            0
        ].numpy()
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        function = torch.nn.functional.conv1d if isinstance(node, nir.Conv1d) else torch.nn.functional.conv2d
        weight, bias = torch.tensor(node.weight, dtype=float), torch.tensor(node.bias, dtype=float)
        return function(t, weight, bias, node.stride, node.padding, node.dilation, node.groups)[0].numpy()
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        size, stride, padding = (tuple(map(int, x)) for x in (node.kernel_size, node.stride, node.padding))
        mean = torch.nn.functional.avg_pool2d(t, size, stride, padding)
        return (mean * (np.prod(size) if isinstance(node, nir.SumPool2d) else 1))[0].numpy()
    return x

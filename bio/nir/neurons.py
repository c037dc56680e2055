"""NIR's nodes with a state as neurons of `study.network`, by Euler's method.

tau dv/dt = v_leak - v + r I becomes v[t] = v[t-1] + dt/tau (v_leak - v[t-1] + r I[t]): the decay is 1 - dt/tau, not
exp(-dt/tau). Spikes and reset follow the update, in the same step. NIR does not say where a membrane begins: at v_leak, and
without leak (IF) at v_reset, as SpikingJelly's do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bio.nir.graph import Shape, kind
from bio.nir.linear_maps import per_unit
from study.network import LIF, CubaLI, CubaLIF, Current, LeakyIntegrator, Neuron

ROUNDING = 1e-6  # of time constants in float32


def neuron(name: str, node: Any, shape: Shape, dt_s: float) -> Neuron:
    """Return the neuron of a node.

    Where all units share their parameters and there is no synaptic current it is a `LIF` or a `LeakyIntegrator`, which
    every level knows. The membrane of neurons that fire is measured from where it begins.

    Parameters
    ----------
    name : str
        For messages.
    node : NIR node
    shape : tuple of int
        Of the population.
    dt_s : float
        Time step in seconds.

    Raises
    ------
    ValueError
        For parameters of another shape, or a time constant below the time step.
    """
    if kind(node) == "Output":
        return Current()
    value = _Values(name, node, shape, dt_s)
    rests_at = "v_reset" if kind(node) == "IF" else "v_leak"
    rest = value.get(rests_at) if hasattr(node, rests_at) else np.zeros(value.n)
    decay_syn, gain_syn, decay, gain = _coefficients(value, kind(node))
    if kind(node) in ("LI", "I", "CubaLI"):
        plain = not rest.any() and not decay_syn.any() and _uniform(decay, gain)
        if plain:
            return LeakyIntegrator(float(decay[0]), float(gain[0]))
        return CubaLI(decay_syn, gain_syn, decay, gain, rest)
    threshold = value.get("threshold" if kind(node) == "Threshold" else "v_threshold") - rest
    reset = np.zeros(value.n) if kind(node) == "Threshold" else value.get("v_reset") - rest
    if not decay_syn.any() and _uniform(decay, gain, threshold, reset):
        return LIF(float(decay[0]), float(gain[0]), float(threshold[0]), float(reset[0]))
    return CubaLIF(decay_syn, gain_syn, decay, gain, threshold, reset)


def _coefficients(value: _Values, of: str) -> tuple[np.ndarray, ...]:
    """Return (decay_syn, gain_syn, decay, gain) of `study.network.CubaLIF`."""
    none, one, dt = np.zeros(value.n), np.ones(value.n), value.dt_s
    if of == "Threshold":
        return none, one, none, one
    if of in ("I", "IF"):
        return none, one, one, value.get("r") * dt
    if of in ("LI", "LIF"):
        decay, share = value.decay("tau")
        return none, one, decay, value.get("r") * share
    decay_syn, share_syn = value.decay("tau_syn")
    decay, share = value.decay("tau_mem")
    return decay_syn, value.get("w_in") * share_syn, decay, value.get("r") * share


class _Values:
    """The parameters of a node, one per unit."""

    def __init__(self, name: str, node: Any, shape: Shape, dt_s: float) -> None:
        self.name, self.node, self.shape, self.dt_s = name, node, shape, dt_s
        self.n = int(np.prod(shape))

    def get(self, what: str) -> np.ndarray:
        """Return a parameter (n_units,)."""
        return per_unit(self.name, what, getattr(self.node, what), self.shape)

    def decay(self, what: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (1 - dt/tau, dt/tau)."""
        tau = self.get(what)
        if (tau < self.dt_s * (1 - ROUNDING)).any():
            raise ValueError(
                f"node {self.name}: {what} is {tau.min() * 1e3:g} ms, below the time step of {self.dt_s * 1e3:g} ms, so that "
                "Euler's decay 1 - dt/tau is negative; give the --dt-ms that the network was exported with (snnTorch 0.1)."
            )
        share = np.minimum(self.dt_s / tau, 1.0)
        return 1 - share, share


def _uniform(*parameters: np.ndarray) -> bool:
    return all((values == values[0]).all() for values in parameters)

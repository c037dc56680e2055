"""Neurons of `study.network` as NIR nodes whose Euler steps are the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bio.nir.graph import Shape
from study.network import LIF, CubaLI, CubaLIF, Layer, LeakyIntegrator


def neuron_node(nir: Any, layer: Layer, shape: Shape, dt_s: float) -> Any:
    """Return the node of a layer's neurons.

    A neuron that fires at v >= v_threshold gets the largest number below its threshold, for NIR's fire at v > v_threshold.

    Parameters
    ----------
    nir : module
    layer : Layer
    shape : tuple of int
        Of the node's parameters.
    dt_s : float
        Duration of a step in seconds.

    Raises
    ------
    ValueError
        For neurons that NIR has no node for.
    """
    _check(layer)
    neuron: Any = layer.neuron

    def spread(values: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(values, np.float64).ravel(), (layer.n_units,)).reshape(shape).copy()

    if isinstance(neuron, LIF) and neuron.decay == 0 and neuron.gain == 1:
        return nir.Threshold(spread(_threshold(neuron)))
    constants = _firing(neuron, spread)
    decay, gain = spread(neuron.decay), spread(neuron.gain)
    if (decay == 1).all() and not _has_synapse(neuron) and not constants.get("v_leak", np.zeros(1)).any():
        return _without_leak(nir, layer, constants, quotients(gain, dt_s))
    constants.setdefault("v_leak", np.zeros(shape))
    tau, share = _time_constants(layer, decay, dt_s)
    constants["r"] = quotients(gain, share)
    if not _has_synapse(neuron):
        return (nir.LIF if "v_reset" in constants else nir.LI)(tau=tau, **constants)
    tau_syn, share_syn = _time_constants(layer, spread(neuron.decay_syn), dt_s)
    w_in = quotients(spread(neuron.gain_syn), share_syn)
    node = nir.CubaLIF if isinstance(neuron, CubaLIF) else nir.CubaLI
    return node(tau_syn=tau_syn, tau_mem=tau, w_in=w_in, **constants)


def _without_leak(nir: Any, layer: Layer, constants: dict[str, np.ndarray], r: np.ndarray) -> Any:
    if "v_reset" not in constants:
        return nir.I(r=r)
    if constants["v_reset"].any():
        raise ValueError(
            f"layer {layer.name} has neurons without leak that begin at 0, but are reset to "
            f"{constants['v_reset'].flat[0]:g}; where NIR is read they begin at v_reset: train with a reset to 0 to export it."
        )
    return nir.IF(r=r, **constants)


def _check(layer: Layer) -> None:
    """Refuse neurons that NIR has no node for."""
    neuron = layer.neuron
    if isinstance(neuron, LIF) and neuron.reset == "soft":
        raise ValueError(
            f"layer {layer.name} resets by subtraction, which NIR does not have; train with a hard reset to export it."
        )
    if not isinstance(neuron, LIF | LeakyIntegrator | CubaLIF | CubaLI):
        raise ValueError(
            f"layer {layer.name} has neurons of the kind {neuron.kind!r}, which NIR does not have."
        )


def _has_synapse(neuron: Any) -> bool:
    """Return whether a synaptic current lasts or is scaled; else the neuron is one with parameters per unit."""
    if not isinstance(neuron, CubaLIF | CubaLI):
        return False
    return bool(neuron.decay_syn.any() or (neuron.gain_syn != 1).any())


def _firing(neuron: Any, spread: Callable[[Any], np.ndarray]) -> dict[str, np.ndarray]:
    """Return the constants that are not of the update."""
    if isinstance(neuron, CubaLI):
        return {"v_leak": spread(neuron.v_rest)}
    if isinstance(neuron, LeakyIntegrator):
        return {}
    return {"v_threshold": spread(_threshold(neuron)), "v_reset": spread(neuron.v_reset)}


def _threshold(neuron: LIF | CubaLIF) -> Any:
    if isinstance(neuron, LIF) and neuron.threshold_rule == ">=":
        return np.nextafter(neuron.v_threshold, -np.inf)
    return neuron.v_threshold


def _time_constants(layer: Layer, decay: np.ndarray, dt_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (tau, dt/tau as the import computes it)."""
    if (decay == 1).any():
        raise ValueError(
            f"layer {layer.name} has neurons without leak (decay 1) among others or behind a synaptic current, which NIR does "
            "not have."
        )
    tau = dt_s / (1 - decay)
    for near in (np.nextafter(tau, np.inf), np.nextafter(tau, 0)):
        tau = np.where(1 - dt_s / tau == decay, tau, near)
    return tau, dt_s / tau


def quotients(products: np.ndarray, factor: Any) -> np.ndarray:
    """Return x with x · factor = products, to the last bit where there is such a number."""
    x = products / factor
    for near in (np.nextafter(x, np.inf), np.nextafter(x, -np.inf)):
        x = np.where(x * factor == products, x, near)
    return x

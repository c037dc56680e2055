"""Spike times and their gradients on a CPU, spike by spike: compiled loops over what fires, nothing for what is silent.

A digit has 150 pixels of 784 that are not black, at 60 different times of 256. One matrix product per step spends
most of its time on zeros; here each presynaptic spike adds its row of weights once. `trained.ttfs.neuron` gives the
equations and the same results by plain torch.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def by_time(times: np.ndarray, t_max: int) -> np.ndarray:
    """Return the units of every sample from first to last spike, (batch, unit); a counting sort, stable."""
    n_batch, n_units = times.shape
    order = np.empty((n_batch, n_units), np.int32)
    place = np.empty(t_max + 2, np.int32)
    for b in range(n_batch):
        place[:] = 0
        for i in range(n_units):
            place[int(times[b, i]) + 1] += 1
        for t in range(1, t_max + 2):
            place[t] += place[t - 1]
        for i in range(n_units):
            t = int(times[b, i])
            order[b, place[t]] = i
            place[t] += 1
    return order


@numba.njit(cache=True)
def crossings(
    times: np.ndarray, order: np.ndarray, rows: np.ndarray, v_threshold: float, strict: bool, t_max: float
) -> np.ndarray:
    """Return the first step at which each unit's membrane is at (or above) threshold, t_max if none.

    Parameters
    ----------
    times : array, (batch, n_in)
        Presynaptic spike times, 0 to t_max; t_max is no spike.
    order : array, (batch, n_in)
        Presynaptic units from first to last spike.
    rows : array, (n_in, n_out)
        Weights; a presynaptic unit's are one row.
    v_threshold, strict, t_max
        Whether crossing is > (strict) or >=.
    """
    n_batch, n_in = times.shape
    n_out = rows.shape[1]
    found = np.full((n_batch, n_out), t_max, rows.dtype)
    v = np.empty(n_out, rows.dtype)
    theta, never = rows.dtype.type(v_threshold), rows.dtype.type(t_max)
    for b in range(n_batch):
        v[:] = 0
        first, event = found[b], 0
        while event < n_in and times[b, order[b, event]] < t_max:
            step = times[b, order[b, event]]
            while event < n_in and times[b, order[b, event]] == step:
                row = rows[order[b, event]]
                for j in range(n_out):
                    v[j] += row[j]
                event += 1
            if strict:  # two loops without branches, so that each becomes vector instructions
                for j in range(n_out):
                    first[j] = min(first[j], step if v[j] > theta else never)
            else:
                for j in range(n_out):
                    first[j] = min(first[j], step if v[j] >= theta else never)
    return found


@numba.njit(cache=True)
def weight_gradient(
    times: np.ndarray, order: np.ndarray, times_out: np.ndarray, grad: np.ndarray, t_max: float
) -> np.ndarray:
    """Return -Σ_batch grad_j [t_i < t_j], (n_in, n_out)."""
    n_batch, n_in = times.shape
    n_out = times_out.shape[1]
    total = np.zeros((n_in, n_out), grad.dtype)
    for b in range(n_batch):
        last = times_out[b].max()
        for event in range(n_in):
            i = order[b, event]
            step = times[b, i]
            if step >= last:
                break
            for j in range(n_out):
                total[i, j] -= grad[b, j] if step < times_out[b, j] else 0
    return total


@numba.njit(cache=True, fastmath={"reassoc"})
def time_gradient(
    times: np.ndarray,
    order: np.ndarray,
    times_out: np.ndarray,
    grad: np.ndarray,
    rows: np.ndarray,
    t_max: float,
) -> np.ndarray:
    """Return Σ_j grad_j w_ij [t_i < t_j], (batch, n_in)."""
    n_batch, n_in = times.shape
    n_out = times_out.shape[1]
    found = np.zeros((n_batch, n_in), grad.dtype)
    for b in range(n_batch):
        last = times_out[b].max()
        for event in range(n_in):
            i = order[b, event]
            step = times[b, i]
            if step >= last:
                break
            row = rows[i]
            total = found[b, i]
            for j in range(n_out):
                total += grad[b, j] * row[j] if step < times_out[b, j] else 0
            found[b, i] = total
    return found

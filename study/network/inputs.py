"""What a network is shown: analog values held for all steps, spike trains, one spike per value, or draws alone."""

from __future__ import annotations

import numpy as np

INPUTS = {
    "constant": "analog values, the same at all steps",
    "spikes": "0/1 spike trains, (stimulus, step, *input_shape)",
    "first_spike": "analog values in [0, 1], each one spike: the larger, the earlier",
    "draws": "nothing but the integer draws of the network's Pick, (stimulus, step, n_out)",
}


def first_spike_steps(values: np.ndarray, n_steps: int, zero_spikes: bool = False) -> np.ndarray:
    """Return the step of each value's spike, floor((1 - x) T), computed in float64.

    Equation 3 of the report that accompanies Spiking-GAN, t = (I_max - I)/I_max t_max, with t_max = T. A value of 0
    gets step T, which is after the last (T - 1): it never spikes.

    Parameters
    ----------
    values : array
        In [0, 1].
    n_steps : int
        T.
    zero_spikes : bool
        Whether values of 0 spike at the last step instead of never.

    Returns
    -------
    int64 array, same shape
        0 to T; T means never.

    Raises
    ------
    ValueError
        If a value is outside [0, 1].
    """
    values = np.asarray(values, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            f"values from {values.min():g} to {values.max():g} cannot be coded as first spikes; "
            "allowed is 0 to 1: rescale them."
        )
    steps = np.floor((1 - values) * n_steps).astype(np.int64)
    return np.minimum(steps, n_steps - 1) if zero_spikes else steps


def first_spike_trains(values: np.ndarray, n_steps: int, zero_spikes: bool = False) -> np.ndarray:
    """Return 0/1 spikes, uint8 (stimulus, step, *unit), of values (stimulus, *unit) in [0, 1]."""
    steps = first_spike_steps(values, n_steps, zero_spikes)
    times = np.arange(n_steps).reshape(1, -1, *[1] * (steps.ndim - 1))
    return (steps[:, None] == times).astype(np.uint8)

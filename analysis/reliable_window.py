"""The window in which units answer reliably, found in bins of time: area by area, as Nayebi et al. 2023 chose it.

Adding up the bins of the longest run in which the median unit is reliable keeps the noise of silent times out of the
response. It is chosen by reliability alone, so no model gains from it.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from analysis.population import Population
from analysis.trials import cell_reliability

N_BIN_HALVES = 20  # medians over units need fewer halves than single units do


def longest_run(good: np.ndarray) -> slice:
    """Return the longest run of true values, the first of several; empty where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(good, int), [0]])))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return slice(0, 0)
    longest = int((stops - starts).argmax())
    return slice(int(starts[longest]), int(stops[longest]))


def in_reliable_window(population: Population, least: float) -> tuple[Population, str]:
    """Return a population whose responses are sums over the reliable bins of its areas, and which those are in words.

    Parameters
    ----------
    population : Population
        With bins.
    least : float
        Least median over an area's units of their split-half reliability in a bin.

    Returns
    -------
    population : Population
        Without bins. Areas without a reliable bin are left out.
    said : str

    Raises
    ------
    ValueError
        If no area has a reliable bin.
    """
    names, bins = list(population.bins), np.stack(list(population.bins.values()))
    median = {a: _medians(bins[..., population.units.area == a]) for a in np.unique(population.units.area)}
    response, keep, said = population.response.copy(), np.zeros(len(population.units), bool), []
    for area, values in median.items():
        chosen = longest_run(values >= least)
        found = names[chosen]
        if not found:
            said.append(f"{area} left out (highest median r {np.nanmax(np.append(values, -1)):.2f})")
            continue
        here = population.units.area == area
        keep |= here
        response[..., here] = bins[chosen][..., here].sum(axis=0)
        said.append(f"{area} {found[0]}" + (f" to {found[-1]}" if len(found) > 1 else ""))
    if not keep.any():
        raise ValueError(
            f"no bin has a median reliability of {least:g} or more: {', '.join(said)}; lower --window-reliability or take "
            "wider bins."
        )
    kept = dataclasses.replace(population, response=response, bins={}).take(keep)
    units = dataclasses.replace(kept.units, reliability=cell_reliability(kept.response))
    return dataclasses.replace(kept, units=units), ", ".join(said)


def _medians(bins: np.ndarray) -> np.ndarray:
    """Return the median reliability of units in every bin: (bin, stimulus, repeat, unit) to (bin,); silent units count as 0."""
    reliability = np.stack([cell_reliability(response, N_BIN_HALVES) for response in bins])
    return np.asarray(np.median(np.nan_to_num(reliability), axis=1))

"""How many network steps a layer runs behind the first one."""

from __future__ import annotations

from bio.levels import Level
from study.network import Network


def steps_behind(network: Network, level: Level) -> dict[str, int]:
    """Return by how many network steps every layer runs behind the input: its stimulus begins, and is counted, later.

    At a level that hands spikes on at the end of a step, a layer answers spikes one step later than in a network without
    latency. What it answers is the same, so the whole layer is looked at one step later.

    Returns
    -------
    dict of layer name to int
        All 0 where the network itself has a latency, or the level none.

    Raises
    ------
    ValueError
        If a layer would need spikes of a layer that runs behind it, or draws.
    """
    names = [layer.name for layer in network.layers]
    if not level.latency_steps or network.latency:
        return dict.fromkeys(names, 0)
    for layer in network.layers:
        for recurrent in layer.recurrent:
            if recurrent.source != layer.name:
                raise ValueError(
                    f"level {level.name} cannot express the recurrent input of layer {layer.name} from "
                    f"{recurrent.source}, which runs behind it; use level exact for this network."
                )
    if network.pick is not None:
        raise ValueError(
            f"level {level.name} cannot express layer {network.pick.name}, which picks by draws of every step; "
            "use level exact for this network."
        )
    first = 0 if network.input == "constant" else 1
    return {name: (first + depth) * level.latency_steps for depth, name in enumerate(names)}

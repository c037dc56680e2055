"""What a program of Brian2 does beside simulating, less of it: writing its arrays and asking for the time.

Brian2's program ends by writing all of its arrays, the synapses among them, and asks the system for the time before everything
that it does in a time step.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import brian2

from bio.backends.project import Project
from bio.network import BrianNetwork

WRITTEN = re.compile(
    r"^ *ofstream (outfile_\w+);\n *\1\.open\(results_dir \+ \"(_(?:dynamic_)?array_\w+)\".*?^    \} else\n    \{\n.*?^    \}\n",
    re.MULTILINE | re.DOTALL,
)
ASKED = re.compile(r"if \(report_func\)(\s*\{\s*current = std::clock\(\);)")


def trim(project: Project) -> None:
    """Change, in place, what the program writes and how often it asks for the time."""
    objects, network = project.sources / "objects.cpp", project.sources / "network.cpp"
    objects.write_text(only_writing(objects.read_text(), results_of(project.built)))
    network.write_text(asking_once(network.read_text()))


def results_of(built: BrianNetwork) -> set[str]:
    """Return the names of the files that `Program` reads."""
    readout = built.readout
    variables = [monitor.variables[name] for monitor in built.spikes.values() for name in ("i", "t", "N")]
    variables += [readout.variables[name] for name in (readout.record_variables[0], "N")]
    return {Path(brian2.device.get_array_filename(variable)).name for variable in variables}


def only_writing(text: str, names: Collection[str]) -> str:
    """Return the text of a program's arrays such that those called `names` alone are written at its end."""
    return WRITTEN.sub(lambda found: found[0] if found[2] in names else "", text)


def asking_once(text: str) -> str:
    """Return the text of the loop over time steps such that it asks for the time before the first object of a step alone."""
    return ASKED.sub(r"if (report_func && i == 0)\1", text)

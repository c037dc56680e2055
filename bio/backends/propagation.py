"""Synapses of `cpp_standalone` that are found by the neuron that fired.

Nothing is computed differently: the same synapses act in the same order, every bit stays. What Brian2 writes looks up, queues
and copies the number of every single synapse that a spike reaches; `synaptic_pathway.h` says what is done instead.
"""

from __future__ import annotations

import re
from pathlib import Path

from bio.backends.project import Project

PATHWAY = Path(__file__).with_name("synaptic_pathway.h")
CLASSES = "synapses_classes.h"
QUEUE = re.compile(
    r"std::vector<int> \*_spiking_synapses = (\w+)\.peek\(\);\s*const int _num_spiking_synapses = _spiking_synapses->size\(\);"
)
LOOP = re.compile(
    r"for\(int _spiking_synapse_idx=0;\s*_spiking_synapse_idx<_num_spiking_synapses;\s*_spiking_synapse_idx\+\+\)\s*\{"
    r"\s*const size_t _idx = \(\*_spiking_synapses\)\[_spiking_synapse_idx\];"
)
OUR_LOOP = """for (const int32_t _neuron : {pathway}.arriving())
        for (size_t _idx = {pathway}.begin(_neuron), _end = {pathway}.end(_neuron); _idx < _end; _idx++)
        {{"""
NEURON = re.compile(r"\b_ptr_array_\w+__synaptic_pre\[_idx\]")


def propagate(project: Project) -> None:
    """Change the sources in place; where Brian2's text is not the known one, all of it stays."""
    paths = sorted((project.sources / "code_objects").glob("*.cpp"))
    texts = {path: path.read_text() for path in paths}
    using = [path for path, text in texts.items() if ".peek()" in text]
    changed = {path: by_neuron(texts[path]) for path in using}
    if not any(".peek()" in text for text in changed.values()):
        for path, text in changed.items():
            path.write_text(text)
        (project.sources / CLASSES).write_text(PATHWAY.read_text())


def by_neuron(text: str) -> str:
    """Return the text of a pathway with a loop over the neurons that fired; as it is where it is not the known one."""
    queue, loop = QUEUE.search(text), LOOP.search(text)
    if queue is None or loop is None:
        return text
    text = LOOP.sub(OUR_LOOP.format(pathway=queue[1]), QUEUE.sub("", text))
    return NEURON.sub("_neuron", text)

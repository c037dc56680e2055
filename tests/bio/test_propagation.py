"""Synapses are found by neuron; nothing that is done for speed changes a bit, where no exponentials are vectorised."""

from __future__ import annotations

import dataclasses
import subprocess

import numpy as np
import pytest

from bio.backends import cpp_standalone
from bio.backends.bookkeeping import asking_once, only_writing, results_of
from bio.backends.cpp_standalone import COMPILER_FLAGS
from bio.backends.project import generate, standalone_device
from bio.backends.propagation import CLASSES, PATHWAY, by_neuron
from bio.levels import find_level
from bio.modifiers import Modifiers, modify_level
from bio.simulate import simulate
from tests.bio.reference import critic, generator, stimuli_for
from tests.bio.test_backends import job_of

LEVELS = ["exact", "lif", "cuba", "coba"]

# Prints the synapses that act, step by step, and how much is kept of the sources.
PROGRAM = """
#include "synaptic_pathway.h"
int main(int, char **argument)
{
    vector<int> sources{1, 1, 3, 4, 4, 4, 7};
    vector<double> delays(argument[2][0] == 'd' ? 7 : 1, 0.002);
    if (argument[2][0] == 'd') delays[3] = 0.001;
    if (argument[2][0] == 'u') swap(sources[0], sources[2]);
    SynapticPathway pathway(sources, 1, 8);
    delays[0] = 0.001 * atoi(argument[1]);
    pathway.prepare(7, 5, delays.data(), (int)delays.size(), sources.data(), (int)sources.size(), 0.001);
    const vector<vector<int>> spikes{{1, 4}, {}, {0, 3, 7, 8}, {4}, {}, {}};
    for (const vector<int> &now : spikes) {
        pathway.advance();
        pathway.push(now.data(), (int)now.size());
        for (const int neuron : pathway.arriving())
            for (int s = pathway.begin(neuron); s < pathway.end(neuron); s++) cout << s << " ";
        cout << "|";
    }
    cout << " " << sources.capacity() << endl;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pathway")
    (folder / "main.cpp").write_text(PROGRAM)
    command = ["g++", *COMPILER_FLAGS, f"-I{PATHWAY.parent}", "main.cpp", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "main"


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_synapses_act_in_order_after_the_delay(program, delay):
    acting = ["0 1 3 4 5 ", "", "2 6 ", "3 4 5 ", "", ""]
    expected = ([""] * delay + acting)[:6]
    assert run(program, str(delay), "").stdout == "|".join(expected) + "| 0\n"


@pytest.mark.parametrize(("case", "why"), [("u", "order of their neurons"), ("d", "differ in their delays")])
def test_what_it_cannot_do_is_an_error(program, case, why):
    done = run(program, "2", case)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert why in done.stderr


@pytest.mark.parametrize("make", [critic, generator])
@pytest.mark.parametrize("level", LEVELS)
def test_brian2_still_writes_what_is_replaced(tmp_path, make, level):
    with standalone_device("cpp_standalone", {}):
        project = generate(job_of(make(np.random.default_rng(0)), level, 2), tmp_path)
        needed = results_of(project.built)
        cpp_standalone.amend(project)
    sources = project.sources
    texts = [path.read_text() for path in (sources / "code_objects").glob("*_synapses_*.cpp")]
    assert sum("arriving()" in text for text in texts) == len(find_level(level).pathways) * len(
        project.built.synapses
    )
    assert not any("peek()" in text for text in texts)
    assert (sources / CLASSES).read_text() == PATHWAY.read_text()
    text = (sources / "objects.cpp").read_text()
    written = text[text.index("void _write_arrays()") : text.index("void _dealloc_arrays()")]
    assert {line.split('"')[1] for line in written.splitlines() if "results_dir + " in line} == needed | {
        "last_run_info.txt"
    }
    assert written.count("{") == written.count("}")
    assert "if (report_func && i == 0)" in (sources / "network.cpp").read_text()
    for path in (sources / "code_objects").glob("conv*_thresholder_codeobject.cpp"):
        assert path.name.startswith("after_run") or "_fires[_idx] = _cond;" in path.read_text()


def test_another_text_stays():
    assert by_neuron("while (n-- > 0) use(arrive.peek()[n]);") == "while (n-- > 0) use(arrive.peek()[n]);"
    assert only_writing("save(_array_v);", set()) == "save(_array_v);"
    assert asking_once("if (report_func) call();") == "if (report_func) call();"


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("make", [critic, generator])
def test_not_a_bit_differs(make, level, tmp_path, monkeypatch):
    network = make(np.random.default_rng(0))
    stimuli = stimuli_for(network, np.random.default_rng(1), 5)
    step_ms = 250 / network.n_steps
    delay_ms = 0 if level == "lif" else step_ms  # which lif cannot express
    delayed = modify_level(find_level(level), Modifiers(delay_ms=delay_ms), step_ms)
    found = []
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path))
    toolchain = cpp_standalone.TOOLCHAIN
    for amend in (lambda project: None, cpp_standalone.amend):
        monkeypatch.setattr(cpp_standalone, "TOOLCHAIN", dataclasses.replace(toolchain, amend=amend))
        found.append(simulate(network, stimuli, delayed, "cpp_standalone", progress=False))
    brian2_s, ours = found
    assert sum(counts.sum() for counts in ours.counts.values()) > 0
    for name, counts in brian2_s.counts.items():
        np.testing.assert_array_equal(ours.counts[name], counts)
    for name, (_, values) in brian2_s.readout.items():
        np.testing.assert_array_equal(ours.readout[name][1], values)

"""State updaters with exponentials are vectorised; others keep Brian2's text."""

from __future__ import annotations

import platform
import subprocess

import brian2
import numpy as np
import pytest
from brian2 import NeuronGroup, ms

from bio import build_network
from bio.backends.cpp_standalone import COMPILER_FLAGS
from bio.backends.project import standalone_device
from bio.backends.vectorised import EXPREL, FUNCTION, LOOP, POWER, vectorised
from tests.bio.reference import critic

LIBRARY, VERSION = platform.libc_ver()
GCC = subprocess.run(["g++", "-dumpversion"], capture_output=True, text=True, check=True).stdout
HAS_VECTOR_FUNCTIONS = (
    int(GCC.split(".")[0]) >= 12
    and platform.machine() == "x86_64"
    and LIBRARY == "glibc"
    and tuple(map(int, VERSION.split("."))) >= (2, 35)
)

# What Brian2 writes, in short.
TEXT = """#include "objects.h"
////// SUPPORT CODE ///////
    static inline double _exprel(double x)
    {
        if (fabs(x) < 1e-16)
            return 1.0;
        if (x > 717)
            return INFINITY;
        return expm1(x)/x;
    }
    #define _brian_pow(x, y) (pow((x), (y)))
void _run_a_stateupdater_codeobject()
{
    const double decay = exp(-0.1);
    for(int _idx=0; _idx<_N; _idx++)
    {
        out[_idx] = decay * BODY;
    }
}
"""
PROGRAM = """
#include <cmath>
#include <cstdio>
using std::fabs;
const int _N = 23;
double in[_N], out[_N];
"""
MAIN = """
int main()
{
    for (int k = 0; k < _N; k++) in[k] = k == 11 ? 0 : (k - 11) * 80.0;
    _run_a_stateupdater_codeobject();
    for (int k = 0; k < _N; k++) printf("%.17g\\n", out[k]);
}
"""


def test_brian2_still_writes_what_is_replaced(cpp_text) -> None:
    for pattern in (EXPREL, FUNCTION, LOOP):
        assert pattern.search(cpp_text)
    assert POWER in cpp_text
    assert "FOR_EVERY_PROCESSOR void _run_" in vectorised(cpp_text)


@pytest.fixture(scope="module")
def cpp_text(tmp_path_factory) -> str:
    """Return the state updater that the installed Brian2 writes for an exponential."""
    folder = tmp_path_factory.mktemp("project")
    with standalone_device("cpp_standalone", {}):
        group = NeuronGroup(3, "dv/dt = -v**3*exprel(v)/(5*ms) : 1", method="euler", name="a")
        brian2.Network(group).run(1 * ms)
        brian2.device.build(directory=str(folder), compile=False, run=False)
    (source,) = folder.glob("code_objects/a_stateupdater_*.cpp")
    return source.read_text()


@pytest.mark.parametrize("body", ["in[_idx]", "exp(_rand(_vectorisation_idx))"])
def test_text_without_exponentials_or_with_noise_stays(body: str) -> None:
    text = TEXT.replace("BODY", body)
    assert vectorised(text) == text


def test_values_and_vector_instructions(tmp_path) -> None:
    """The same numbers to 4 units in the last place, at the limits too, and calls of vector functions."""
    found = []
    for name, change in (("plain", str), ("changed", vectorised)):
        text = TEXT.replace("BODY", "(_exprel(in[_idx]) + exp(-in[_idx]*in[_idx]) + _brian_pow(in[_idx], 3))")
        source = tmp_path / f"{name}.cpp"
        source.write_text(PROGRAM + change(text.replace('#include "objects.h"', "")) + MAIN)
        subprocess.run(["g++", *COMPILER_FLAGS, source, "-o", tmp_path / name], check=True)
        lines = subprocess.run([tmp_path / name], check=True, capture_output=True, text=True).stdout.split()
        found.append(np.array([float(line) for line in lines]))
    np.testing.assert_allclose(found[1], found[0], rtol=8 * np.finfo(float).eps)
    if HAS_VECTOR_FUNCTIONS:
        assert b"_ZGV" in (tmp_path / "changed").read_bytes()
    assert b"_ZGV" not in (tmp_path / "plain").read_bytes()


@pytest.mark.skipif(not HAS_VECTOR_FUNCTIONS, reason="needs g++ 12 and glibc 2.35 on x86_64")
@pytest.mark.parametrize("level", ["adex", "hh"])
def test_the_text_of_levels_is_vectorised(level: str, tmp_path) -> None:
    """Whatever else stands in their loops."""
    rng = np.random.default_rng(0)
    with standalone_device("cpp_standalone", {}):
        built = build_network(critic(rng), level=level, stimuli=rng.random((1, 1, 8, 8)))
        built.network.run(built.duration, namespace={})
        brian2.device.build(directory=str(tmp_path), compile=False, run=False)
    (source,) = tmp_path.glob("code_objects/conv1_stateupdater_*.cpp")
    source.write_text(vectorised(source.read_text()))
    subprocess.run(["g++", *COMPILER_FLAGS, "-I.", "-c", source, "-o", "updater.o"], cwd=tmp_path, check=True)
    assert b"_ZGV" in (tmp_path / "updater.o").read_bytes()

"""State updaters and thresholds are vectorised; without exponentials every bit stays."""

from __future__ import annotations

import platform
import re
import subprocess

import brian2
import numpy as np
import pytest
from brian2 import NeuronGroup, ms

from bio import build_network
from bio.backends.cpp_standalone import COMPILER_FLAGS
from bio.backends.project import standalone_device
from bio.backends.vectorised import (
    CONDITION,
    EXPREL,
    FUNCTION,
    LOOP,
    OUR_CONDITION,
    OUR_LOOP,
    POWER,
    for_several,
)
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
CONDITION_TEXT = """#include "objects.h"
////// SUPPORT CODE ///////
void _run_a_spike_thresholder_codeobject()
{
    const int64_t N = 23;
    long _count = 0;
    for(size_t _idx=0; _idx<N; _idx++)
    {
        const double v = in[_idx];
        const char _cond = v > BODY;
        if(_cond) {
            out[_count++] = _idx;
        }
    }
    out[N - 1] = _count;
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
    FUNCTION();
    for (int k = 0; k < _N; k++) printf("%.17g\\n", out[k]);
}
"""


def test_brian2_still_writes_what_is_replaced(cpp_text) -> None:
    for pattern in (EXPREL, FUNCTION, LOOP):
        assert pattern.search(cpp_text)
    assert POWER in cpp_text
    assert "FOR_EVERY_PROCESSOR void _run_" in for_several(cpp_text, LOOP, OUR_LOOP)


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


@pytest.mark.parametrize(
    ("text", "loop", "ours"), [(TEXT, LOOP, OUR_LOOP), (CONDITION_TEXT, CONDITION, OUR_CONDITION)]
)
def test_text_with_noise_stays(text: str, loop, ours: str) -> None:
    for body, stays in (("exp(_rand(_vectorisation_idx))", True), ("exp(in[_idx])", False), ("0.5", False)):
        whole = text.replace("BODY", body)
        assert (for_several(whole, loop, ours) == whole) == stays


def outputs(folder, name: str, text: str) -> np.ndarray:
    """Return what a function of a text writes, compiled as the backend does."""
    source = folder / f"{name}.cpp"
    main = MAIN.replace("FUNCTION", re.search(r"_run_\w+", text)[0])
    source.write_text(PROGRAM + text.replace('#include "objects.h"', "") + main)
    subprocess.run(["g++", *COMPILER_FLAGS, source, "-o", folder / name], check=True)
    lines = subprocess.run([folder / name], check=True, capture_output=True, text=True).stdout.split()
    return np.array([float(line) for line in lines])


def test_values_and_vector_instructions(tmp_path) -> None:
    """The same numbers to 4 units in the last place, at the limits too, and calls of vector functions."""
    text = TEXT.replace("BODY", "(_exprel(in[_idx]) + exp(-in[_idx]*in[_idx]) + _brian_pow(in[_idx], 3))")
    plain = outputs(tmp_path, "plain", text)
    changed = outputs(tmp_path, "changed", for_several(text, LOOP, OUR_LOOP))
    np.testing.assert_allclose(changed, plain, rtol=8 * np.finfo(float).eps)
    if HAS_VECTOR_FUNCTIONS:
        assert b"_ZGV" in (tmp_path / "changed").read_bytes()
    assert b"_ZGV" not in (tmp_path / "plain").read_bytes()


def test_without_exponentials_not_a_bit_differs(tmp_path) -> None:
    text = TEXT.replace("BODY", "(_brian_pow(in[_idx], 3)/7 > 0 ? in[_idx]/3 : in[_idx]*0.1 + decay)")
    plain = outputs(tmp_path, "plain", text)
    np.testing.assert_array_equal(outputs(tmp_path, "changed", for_several(text, LOOP, OUR_LOOP)), plain)
    assert b"_ZGV" not in (tmp_path / "changed").read_bytes()


@pytest.mark.parametrize("threshold", ["-1e9", "0", "850", "1e9"])
def test_the_same_neurons_fire_in_the_same_order(tmp_path, threshold: str) -> None:
    """All of 23, some, the last one alone, none."""
    text = CONDITION_TEXT.replace("BODY", threshold)
    plain = outputs(tmp_path, "plain", text)
    changed = outputs(tmp_path, "changed", for_several(text, CONDITION, OUR_CONDITION))
    np.testing.assert_array_equal(changed, plain)


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
    source.write_text(for_several(source.read_text(), LOOP, OUR_LOOP))
    subprocess.run(["g++", *COMPILER_FLAGS, "-I.", "-c", source, "-o", "updater.o"], cwd=tmp_path, check=True)
    assert b"_ZGV" in (tmp_path / "updater.o").read_bytes()

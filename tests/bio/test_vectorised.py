"""State updaters with exponentials are vectorised; others keep Brian2's text."""

from __future__ import annotations

import platform
import subprocess

import numpy as np
import pytest
from brian2 import NeuronGroup, ms

from bio.backends.vectorised import EXPREL, FUNCTION, LOOP, POWER, vectorised

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
    import brian2

    folder = tmp_path_factory.mktemp("project")
    brian2.set_device("cpp_standalone", build_on_run=False)
    try:
        group = NeuronGroup(3, "dv/dt = -v**3*exprel(v)/(5*ms) : 1", method="euler", name="a")
        brian2.Network(group).run(1 * ms)
        brian2.device.build(directory=str(folder), compile=False, run=False)
    finally:
        brian2.device.reinit()
        brian2.set_device("runtime")
    return (folder / "code_objects" / "a_stateupdater_codeobject.cpp").read_text()


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
        flags = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-std=c++17"]
        subprocess.run(["g++", *flags, source, "-o", tmp_path / name], check=True)
        lines = subprocess.run([tmp_path / name], check=True, capture_output=True, text=True).stdout.split()
        found.append(np.array([float(line) for line in lines]))
    np.testing.assert_allclose(found[1], found[0], rtol=8 * np.finfo(float).eps)
    library, version = platform.libc_ver()
    if platform.machine() == "x86_64" and library == "glibc" and version >= "2.35":
        assert b"_ZGV" in (tmp_path / "changed").read_bytes()
    assert b"_ZGV" not in (tmp_path / "plain").read_bytes()


def test_the_text_of_levels_is_vectorised(tmp_path) -> None:
    """Of `hh` and `adex`, whatever else stands in their loops."""
    if not HAS_VECTOR_FUNCTIONS:
        pytest.skip("no glibc of at least 2.35 on x86_64: there are no vector functions")
    rng = np.random.default_rng(0)
    for level in ("adex", "hh"):
        sources = tmp_path / level
        brian2.set_device("cpp_standalone", build_on_run=False)
        try:
            built = build_network(critic(rng), level=level, stimuli=rng.random((1, 1, 8, 8)))
            built.network.run(built.duration, namespace={})
            brian2.device.build(directory=str(sources), compile=False, run=False)
        finally:
            brian2.device.reinit()
            brian2.set_device("runtime")
        name = "code_objects/conv1_stateupdater_codeobject"
        text = vectorised((sources / f"{name}.cpp").read_text())
        (sources / f"{name}.cpp").write_text(text)
        command = ["g++", *COMPILER_FLAGS, "-I.", "-c", f"{name}.cpp", "-o", "updater.o"]
        subprocess.run(command, cwd=sources, check=True)
        assert b"_ZGV" in (sources / "updater.o").read_bytes(), level

import dataclasses
import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import brian2
import numpy as np
import pytest

from bio.backends import cpp_standalone, program, standalone
from bio.backends.compilation import run_commands
from bio.backends.program import check_output
from bio.backends.project import NOISE_SEED, capacity, generate, standalone_device
from bio.build_cache import entries, project_key
from bio.connectivity import weights
from bio.levels import find_level
from bio.modifiers import Modifiers, modify_level
from bio.presentation import Presentation
from bio.simulate import make_job, simulate
from bio.timing import find_timing
from study.commands import USER_ERRORS
from study.network import Dense
from tests.bio.reference import critic, generator, stimuli_for, trace

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "builds"


def job_of(network, level, n_stimuli, seed=0):
    level = find_level(level)
    timing = find_timing(network.n_steps, level, None)
    stimuli = stimuli_for(network, np.random.default_rng(seed), n_stimuli)
    presentation = Presentation(network)
    return make_job(presentation, level, timing, [presentation.rows(stimuli)])


def noisy_level(seed):
    return modify_level(find_level("exact"), Modifiers(noise_mv=3.0, seed=seed), 250 / 6)


def key_of(network, level, n_stimuli, folder, seed=0):
    with standalone_device("cpp_standalone", {}):
        return project_key(generate(job_of(network, level, n_stimuli, seed), folder).sources, "")


@pytest.mark.parametrize("make", [critic, generator])
@pytest.mark.parametrize("level", ["exact", "lif"])
def test_sources_hold_no_data(tmp_path, make, level):
    """Other weights, drives, stimuli and a few stimuli more: the same program."""
    first, other = (make(np.random.default_rng(seed)) for seed in (0, 1))
    key = key_of(first, level, 5, tmp_path / "first")
    assert key_of(other, level, 8, tmp_path / "other", seed=1) == key


def test_the_seed_of_noise_is_no_part_of_the_sources(tmp_path):
    keys = {
        key_of(critic(np.random.default_rng(0)), noisy_level(seed), 5, tmp_path / str(seed))
        for seed in (1, 2)
    }
    assert len(keys) == 1
    main = (tmp_path / "1" / "sources" / "main.cpp").read_text()
    assert f'.seed(std::strtoul(std::getenv("{NOISE_SEED}"), nullptr, 10) + 0L + _i);' in main


@pytest.mark.slow
def test_noise_of_compiled_parts(cache):
    """Two processes draw different noise, and the same the next time."""
    network = critic(np.random.default_rng(0))
    stimuli = np.repeat(stimuli_for(network, np.random.default_rng(0), 1), 4, axis=0)
    first, again, other = (
        simulate(network, stimuli, noisy_level(seed), "cpp_standalone", n_processes=2, progress=False)
        for seed in (1, 1, 2)
    )
    assert len(entries()) == 1
    for name, counts in first.counts.items():
        np.testing.assert_array_equal(counts, again.counts[name])
    counts = first.counts["conv1"]
    assert (counts[0] != counts[2]).any()  # the first of either process
    assert (counts != other.counts["conv1"]).any()


@pytest.mark.parametrize("drive", [-0.107, 2.5, 1e-30])
def test_one_unit_has_its_drive_in_a_file_too(tmp_path, drive):
    """Brian2 writes an array of one value into the text, a negative one as `- 0.107`."""
    network = critic(np.random.default_rng(0))
    last = network.layers[-1]
    one = dataclasses.replace(
        last, shape=(1,), drive=np.array([drive]), connection=Dense(last.connection.weight[:1])
    )
    network = dataclasses.replace(network, layers=(*network.layers[:-1], one))
    with standalone_device("cpp_standalone", {}):
        project = generate(job_of(network, "exact", 2), tmp_path)
    assert f"{drive}" not in (project.sources / "main.cpp").read_text().replace(" ", "")
    assert np.fromfile(project.data / "_static_array__array_readout_I_drive").tolist() == [drive]


def test_weights_leave_python_for_the_files_that_the_program_reads(tmp_path):
    network = critic(np.random.default_rng(0))
    with standalone_device("cpp_standalone", {}):
        project = generate(job_of(network, "exact", 2), tmp_path)
        assert not brian2.get_device().static_arrays
        kernel = project.built.kernels["dense1"].variables["weight"]
        assert brian2.get_device().array_cache[kernel] is None
    stored = np.fromfile(project.data / "_static_array__array_dense1_kernel_weight")
    np.testing.assert_array_equal(stored, weights(network.layers[2].connection))


def test_how_many_stimuli_a_program_is_for():
    assert [capacity(n, 8) for n in (1, 5, 128, 129, 1180)] == [128, 128, 128, 256, 2048]
    assert [capacity(n, 1_000_000) for n in (1, 16, 17, 33)] == [32, 32, 32, 64]
    assert capacity(3, 10**9) == 4


def test_another_network_is_another_program(tmp_path):
    first = critic(np.random.default_rng(0))
    layer = first.layers[-2]
    layer = dataclasses.replace(layer, neuron=dataclasses.replace(layer.neuron, v_threshold=0.9))
    constant = dataclasses.replace(first, layers=(*first.layers[:-2], layer, first.layers[-1]))
    variants = {
        "first": (first, "exact", 5),
        "stimuli": (first, "exact", 129),
        "level": (first, "lif", 5),
        "constant": (constant, "exact", 5),
        "steps": (dataclasses.replace(first, n_steps=7), "exact", 5),
    }
    assert len({key_of(*variant, tmp_path / name) for name, variant in variants.items()}) == len(variants)


@pytest.mark.slow
def test_sources_are_the_same_in_every_process(tmp_path):
    """Brian2 orders some of its text by memory address or hash: ours must not depend on it."""
    code = (
        "import sys, pathlib, numpy; from tests.bio.test_backends import key_of, critic\n"
        "print(key_of(critic(numpy.random.default_rng(0)), 'lif', 3, pathlib.Path(sys.argv[1])))"
    )
    keys = set()
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        keys.add(done.stdout)
    assert len(keys) == 1


def test_complaints_of_the_compiled_program_are_errors():
    check_output(0, ["fine"])
    with pytest.raises(RuntimeError, match="status 0 and said: Error reading 'x': file size -1"):
        check_output(0, ["fine", "Error reading 'x': file size -1"])
    with pytest.raises(RuntimeError, match="status 139 and said: nothing"):
        check_output(139, [])
    aborted = ["terminate called after throwing an instance of 'std::bad_alloc'", "what():  std::bad_alloc"]
    for status, messages in ((-6, aborted), (-9, []), (-15, [])):
        with pytest.raises(
            USER_ERRORS, match=rf"killed .status {status}.* with fewer processes if memory is short"
        ):
            check_output(status, messages)


@pytest.mark.parametrize(
    ("values", "length"), [(3, [4]), (0, [4]), (3, [])], ids=["cut", "empty", "no length"]
)
def test_results_that_were_cut_short_are_refused(tmp_path, monkeypatch, values, length):
    """Brian2's program ends with 0 where the disk is full."""
    fake = SimpleNamespace(get_array_filename=lambda variable: variable.name)
    monkeypatch.setattr(program, "brian2", SimpleNamespace(device=fake))
    variables = {
        "i": SimpleNamespace(name="i", dtype=np.int32),
        "N": SimpleNamespace(name="n", dtype=np.int32),
    }
    monitor = SimpleNamespace(name="conv1_spikes", variables=variables)
    np.zeros(values, np.int32).tofile(tmp_path / "i")
    np.array(length, np.int32).tofile(tmp_path / "n")
    with pytest.raises(OSError, match=r"conv1_spikes wrote .* cut short; is the disk .* full\? .*TMPDIR"):
        program._recorded(tmp_path, monitor, "i")
    np.array([values], np.int32).tofile(tmp_path / "n")
    assert program._recorded(tmp_path, monitor, "i").shape == (values,)


def test_spikes_come_in_order():
    unit, time = np.array([2, 5, 1, 3]), np.array([0.2, 0.1, 0.2, 0.1])
    assert [array.tolist() for array in program._in_order(unit, time)] == [[3, 5, 1, 2], [0.1, 0.1, 0.2, 0.2]]


def simulate_tiny(seed=0, n_stimuli=3, **options):
    network = critic(np.random.default_rng(seed))
    stimuli = stimuli_for(network, np.random.default_rng(seed), n_stimuli)
    found = simulate(network, stimuli, backend="cpp_standalone", progress=False, **options)
    for name, counts in found.counts.items():
        np.testing.assert_array_equal(counts[:, 0].transpose(1, 0, 2), trace(network, stimuli)[name])


@pytest.mark.parametrize("compiler", [None, "no-such-compiler"])
def test_a_missing_compiler_is_named(cache, monkeypatch, compiler):
    if compiler is None:
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("CXX", raising=False)
    else:
        monkeypatch.setenv("CXX", compiler)
    named = re.escape(compiler or "g++")
    with pytest.raises(
        ValueError, match=rf"cpp_standalone needs {named}, which is not on PATH; install g\+\+"
    ):
        simulate_tiny()


def fake_compiler(folder, body):
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_full_disk_during_the_build(tmp_path, cache, monkeypatch):
    monkeypatch.setenv(
        "CXX", fake_compiler(tmp_path, "echo 'cc1plus: error: No space left on device' >&2; exit 1")
    )
    with pytest.raises(
        ValueError, match=r"No space left on device in .*; free some or choose another disk with TMPDIR"
    ):
        simulate_tiny()
    assert entries(cache) == []


@pytest.mark.parametrize(
    "error", [OSError("8 requested and 3 written"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_full_disk_while_arrays_are_written(cache, monkeypatch, error):
    """What numpy says of a short write has no errno."""

    def full(job, folder):
        raise error

    monkeypatch.setattr(standalone, "generate", full)
    with pytest.raises(
        ValueError, match=r"could not be written .*(3 written|No space).* is the disk .* full\? .*TMPDIR"
    ):
        simulate_tiny()


def test_other_errors_of_files_stay_what_they_are():
    with pytest.raises(PermissionError, match="not yours"), standalone.space_named("here"):
        raise PermissionError(errno.EACCES, "not yours")


def test_what_the_compiler_says_is_passed_on(tmp_path):
    compiler = fake_compiler(tmp_path, "echo 'main.cpp:1: error: no' >&2; exit 1")
    said = r"compiling the simulation failed, .*compiler said: main.cpp:1: error: no; install or name another"
    with pytest.raises(USER_ERRORS, match=said):
        run_commands([[compiler]], tmp_path)


def test_another_compiler_is_another_recipe(tmp_path, monkeypatch):
    recipes = set()
    for version in ("1", "2"):
        monkeypatch.setenv("CXX", fake_compiler(tmp_path, f"echo compiler {version}"))
        recipes.add(cpp_standalone.TOOLCHAIN.recipe())
    monkeypatch.setenv("CPATH", "/elsewhere")
    recipes.add(cpp_standalone.TOOLCHAIN.recipe())
    assert len(recipes) == 3


def test_a_program_that_is_killed_is_an_error(tmp_path, cache, monkeypatch):
    """It wrote half of its results before."""
    script = tmp_path / "program"
    script.write_text("#!/bin/sh\necho completed 0.5\necho half > $2/half\nkill -9 $$\n")
    monkeypatch.setattr(
        cpp_standalone, "TOOLCHAIN", dataclasses.replace(cpp_standalone.TOOLCHAIN, compile=lambda _: script)
    )
    monkeypatch.setenv("TMPDIR", str(tmp_path / "run"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "run").mkdir()
    with pytest.raises(ChildProcessError, match=r"was killed .status -9.* nothing of its results was kept"):
        simulate_tiny()
    assert list((tmp_path / "run").glob("bio-*")) == []


@pytest.mark.slow
def test_a_simulation_that_is_killed_leaves_nothing_that_is_used_again(tmp_path, cache):
    """The whole process is killed while its program runs; what lies about is of no consequence."""
    code = "from tests.bio.test_backends import simulate_tiny as f; f(n_stimuli=3); print(1, flush=True); f(n_stimuli=3000)"
    (tmp_path / "run").mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "run")}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"1\n"
        while not list((tmp_path / "run").glob("*/results0/*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    keys = {entry.key for entry in entries()}
    assert not [entry for entry in entries() if "damaged" in entry.line()]
    simulate_tiny()  # compares every spike
    assert {entry.key for entry in entries()} == keys  # and compiled nothing


@pytest.mark.slow
@pytest.mark.parametrize("make", [critic, generator])
def test_compiled_code_gives_the_same_responses(cache, make):
    rng = np.random.default_rng(1)
    network = make(rng, n_steps=7)
    stimuli = stimuli_for(network, rng, 5)
    expected = trace(network, stimuli)
    numpy_lif = simulate(network, stimuli, "lif", progress=False)
    for level, processes in (("exact", 1), ("exact", 2), ("lif", 2)):
        found = simulate(network, stimuli, level, "cpp_standalone", n_processes=processes, progress=False)
        for name, counts in found.counts.items():
            if level == "exact":
                np.testing.assert_array_equal(counts[:, 0].transpose(1, 0, 2), expected[name])
            else:
                np.testing.assert_array_equal(counts, numpy_lif.counts[name])


@pytest.mark.slow
def test_one_program_serves_other_weights_and_stimuli(cache):
    simulate_tiny(seed=0, n_stimuli=3)
    built = entries(cache)
    assert [entry.description for entry in built] == ["conv1:72 conv2:27 dense1:5 readout:2"]
    simulate_tiny(seed=1, n_stimuli=4)
    simulate_tiny(seed=2, n_stimuli=3)
    assert [entry.key for entry in entries(cache)] == [entry.key for entry in built]


@pytest.mark.slow
def test_a_damaged_program_is_compiled_again(cache, capfd):
    simulate_tiny()
    (entry,) = entries(cache)
    program = cache / f"{entry.key}.program"
    content = program.read_bytes()
    program.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    simulate_tiny()
    assert "compiled again" in capfd.readouterr().err
    assert program.read_bytes() == content

import dataclasses
import subprocess
import sys

import brian2
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from bio.__main__ import main
from bio.backends.numpy import numpy_target
from bio.exported import check_fresh
from bio.levels import find_level
from bio.network import build_network
from bio.simulate import simulate
from bio.timing import find_timing
from bio.verify import compare, perturb_decay
from study.files import sha256
from study.network import Dense, Layer, LeakyIntegrator, Network, save_network
from study.responses import load_attributes, load_layer
from study.stimuli import Stimuli, save_stimuli
from tests.bio.reference import critic, generator, stimuli_for, trace


@pytest.mark.parametrize("make", [critic, generator])
@pytest.mark.parametrize("level", ["exact", "lif"])
def test_every_equation_has_consistent_units_and_names(make, level):
    rng = np.random.default_rng(0)
    network = make(rng)
    with numpy_target():
        brian = build_network(network, stimuli_for(network, rng), level)
        brian.network.run(0 * brian2.ms, namespace={})
        assert set(brian.groups) == {layer.name for layer in network.layers}
        assert all(
            layer.n_units == group.N
            for group, layer in zip(brian.groups.values(), network.layers, strict=True)
        )


def test_a_user_can_edit_the_network():
    rng = np.random.default_rng(0)
    network = critic(rng)
    with numpy_target():
        brian = build_network(network, stimuli_for(network, rng), "lif")
        brian.groups["conv2"].I_drive = -1 * brian2.nA
        monitor = brian2.StateMonitor(brian.groups["conv1"], "v", record=[0], name="mine")
        brian.network.add(monitor)
        brian.network.run(10 * brian2.ms, namespace={})
        assert brian.spikes["conv2"].num_spikes == 0
        assert np.ptp(monitor.v[0] / brian2.mV) > 0


def test_clocks_agree_for_ever():
    for n_steps in (3, 7, 12, 16):
        timing = find_timing(n_steps, find_level("lif"), None)
        assert timing.step_ms == pytest.approx(250 / n_steps, rel=1e-7)
        many = 10_000
        assert timing.period_s * many == timing.dt_s * (timing.per_step * n_steps * many)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"level": "exakt"},
            "unknown level 'exakt': did you mean 'exact'\\? allowed are adex, coba, cuba, exact, hh, lif",
        ),
        ({"backend": "cpp"}, "unknown backend 'cpp': .*allowed are cpp_standalone, .*numpy"),
        (
            {"level": "lif", "dt_ms": 30.0},
            r"dt_ms is 30, which does not divide the network step of 41.6667 ms",
        ),
        ({"level": "lif", "dt_ms": -1.0}, r"dt_ms is -1, which does not divide"),
        ({"level": "lif", "dt_ms": 1e-12}, r"dt_ms is 1e-12; at least 1e-05 is needed"),
        ({"level": "exact", "dt_ms": 250 / 12}, "level exact has one time step per network step"),
        ({"n_processes": 0}, "processes is 0; at least 1"),
        ({"n_processes": 2}, "processes is 2, but backend numpy uses 1"),
        ({"stimulus_ids": np.arange(3)}, r"4 stimuli but ids of the shape \(3,\)"),
    ],
)
def test_bad_arguments(arguments, message):
    rng = np.random.default_rng(0)
    network = critic(rng)
    with pytest.raises(ValueError, match=message):
        simulate(network, stimuli_for(network, rng), **arguments, progress=False)


def test_bad_stimuli():
    network = critic(np.random.default_rng(0))
    with pytest.raises(
        ValueError, match=r"stimuli have the shape \(4, 9, 8\), but the critic takes \(1, 8, 8\)"
    ):
        build_network(network, np.zeros((4, 9, 8)))
    with pytest.raises(ValueError, match="0 stimuli"):
        build_network(network, np.zeros((0, 8, 8)))
    with pytest.raises(ValueError, match="1 NaN or infinite values"):
        build_network(network, np.where(np.arange(64).reshape(1, 8, 8), 1.0, np.nan))


@pytest.mark.parametrize(
    ("level", "remedy"),
    [("exact", "look for weights and inputs that are too large"), ("lif", "use a smaller time step")],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_readout_that_is_not_finite_is_refused(level, remedy):
    last = Layer("readout", (1,), Dense([[1.0]]), [0.0], LeakyIntegrator(0.5, 1e307))
    network = Network("critic", (1,), 8, (last,))
    with pytest.raises(
        ValueError, match=f"the readout readout became NaN or infinite at level {level}, .*; {remedy}"
    ):
        simulate(network, np.array([[10.0]]), level, progress=False)


def test_images_need_no_channel_axis():
    rng = np.random.default_rng(0)
    network = critic(rng)
    stimuli = stimuli_for(network, rng)
    with_axis, without = (simulate(network, s, progress=False) for s in (stimuli, stimuli[:, 0]))
    np.testing.assert_array_equal(with_axis.counts["conv1"], without.counts["conv1"])


def test_the_preferences_of_the_user_stay():
    before = brian2.prefs["codegen.target"]
    rng = np.random.default_rng(0)
    network = generator(rng)
    simulate(network, stimuli_for(network, rng, 1), progress=False)
    assert brian2.prefs["codegen.target"] == before
    assert type(brian2.get_device()).__name__ == "RuntimeDevice"


def write_inputs(folder, make=critic):
    rng = np.random.default_rng(0)
    network = dataclasses.replace(make(rng), provenance={"name": "tiny", "seed": "3"})
    save_network(network, folder / f"{network.role}.safetensors")
    values = stimuli_for(network, rng)
    values = values[:, 0] if values.ndim == 4 else values
    save_stimuli(Stimuli(values, np.array([3, 1, 2, 0]), {}, {"simulated": "true"}), folder / "stimuli.nc")
    return network, values


def command(folder, *more):
    return [
        "simulate",
        str(folder),
        "--stimuli",
        str(folder / "stimuli.nc"),
        "--out",
        str(folder / "out.nc"),
        *more,
    ]


@pytest.mark.parametrize("make", [critic, generator])
def test_simulate_writes_responses(tmp_path, capsys, make):
    network, values = write_inputs(tmp_path, make)
    more = ("--network", network.role, "--backend", "numpy", "--limit", "3")
    assert main(command(tmp_path, *more)) == 0
    counts, stimulus = load_layer(tmp_path / "out.nc", network.layers[0].name)
    expected = trace(network, values[:3])[network.layers[0].name]
    np.testing.assert_array_equal(counts[:, 0], expected.transpose(1, 0, 2))
    assert stimulus.tolist() == [3, 1, 2]
    attributes = load_attributes(tmp_path / "out.nc")
    assert attributes["stimuli_sha256"] == sha256(tmp_path / "stimuli.nc")
    assert attributes["network_sha256"] == sha256(tmp_path / f"{network.role}.safetensors")
    expected = {"network": network.role, "level": "exact", "backend": "numpy", "name": "tiny", "seed": "3"}
    assert expected.items() <= attributes.items()
    assert "wrote" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--network", "critic", "--level", "liff"), "did you mean 'lif'?"),
        ((), "say which network with --network generator or critic"),
        (("--network", "generator"), "there is no file"),
        (("--network", "critic", "--limit", "0"), "--limit is 0"),
    ],
)
def test_command_errors_are_one_sentence(tmp_path, capsys, more, message):
    write_inputs(tmp_path)
    assert main(command(tmp_path, "--backend", "numpy", *more)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.nc").exists()


def test_a_damaged_network_is_named(tmp_path, capsys):
    """NaN weights, and weights of another shape."""
    write_inputs(tmp_path)
    path = tmp_path / "critic.safetensors"
    with safe_open(path, "numpy") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    right = tensors["conv2.weight"]
    for wrong, message in (
        (right * np.nan, "holds NaN"),
        (right[:, :1].copy(), "does not fit weight (3, 1, 4, 4)"),
    ):
        save_file(tensors | {"conv2.weight": wrong}, path, metadata=metadata)
        assert main(command(tmp_path, "--network", "critic", "--backend", "numpy")) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {path}: ")
        assert message in error


def test_stimuli_of_the_wrong_kind(tmp_path, capsys):
    write_inputs(tmp_path, generator)
    (tmp_path / "generator.safetensors").unlink()
    save_network(critic(np.random.default_rng(0)), tmp_path / "critic.safetensors")
    assert main(command(tmp_path, "--network", "critic")) == 2
    assert "holds latents, but this critic takes images" in capsys.readouterr().err


@pytest.mark.parametrize("make", [critic, generator])
def test_comparison_counts_every_mismatch(make):
    rng = np.random.default_rng(0)
    network = make(rng)
    stimuli = stimuli_for(network, rng, 8)
    reference = trace(network, stimuli)
    responses = simulate(network, stimuli, progress=False)
    if network.role == "generator":
        reference["image"] = responses.readout["image"][1][:, 0]
    verification = compare(network, reference, responses)
    assert verification.passed
    assert f"{network.role}: equal to torch" in verification.lines()
    name = network.layers[1].name
    flipped = reference[name].copy()
    flipped[0, 0, :2] = 1 - flipped[0, 0, :2]
    found = compare(network, {**reference, name: flipped}, responses)
    assert not found.passed
    assert [layer.mismatches for layer in found.layers].count(2) == 1
    assert any(line.startswith(f"{network.role}/{name}: mismatched spikes: 2 of ") for line in found.lines())
    shifted = {**reference, "readout": reference["readout"] + 1e-3}
    assert not compare(network, shifted, responses).passed
    with pytest.raises(ValueError, match="the export"):
        compare(network, {**reference, name: flipped[:, :1]}, responses)


def test_a_silent_layer_is_warned_of():
    rng = np.random.default_rng(0)
    network = critic(rng)
    stimuli = np.zeros((2, 1, 8, 8))
    silent = dataclasses.replace(network.layers[0], drive=np.full(network.layers[0].n_units, -5.0))
    network = dataclasses.replace(network, layers=(silent, *network.layers[1:]))
    verification = compare(network, trace(network, stimuli), simulate(network, stimuli, progress=False))
    assert any(
        line.startswith("warning: critic/conv1 has spike probability 0.000") for line in verification.lines()
    )


def test_perturbation_changes_every_membrane():
    network = critic(np.random.default_rng(0))
    assert [layer.neuron.decay for layer in perturb_decay(network, 0.01).layers] == [0.505] * 4


def test_an_export_of_another_model_is_refused(tmp_path):
    network = critic(np.random.default_rng(0))
    check_fresh(network, tmp_path)  # exports may travel without their model
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"export it again with `python -m trained export"):
        check_fresh(network, tmp_path)
    fresh = dataclasses.replace(network, provenance={"model_sha256": sha256(tmp_path / "model.safetensors")})
    check_fresh(fresh, tmp_path)


def test_simulation_needs_no_torch():
    code = "import sys, bio.__main__, bio.simulate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

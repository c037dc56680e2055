import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from study import network as nw
from study.network import Network, load_network, network_hash, save_network
from tests.study.network_drawing import decoders, networks

RNG = np.random.default_rng(0)
SPIKING = nw.LIF(decay=0.5, gain=0.5)
READOUT = nw.Current()


def layer(
    name: str, shape: tuple[int, ...], connection: nw.Connection, neuron: nw.Neuron = SPIKING
) -> nw.Layer:
    return nw.Layer(name, shape, connection, RNG.normal(size=int(np.prod(shape))), neuron)


def small(neuron: nw.Neuron = READOUT, decoder: nw.Decoder | None = None) -> Network:
    """Return a network with every kind of connection: 3 -> (2, 2, 2) -> (3, 4, 4) -> (2, 2, 2)."""
    dense = nw.Dense(RNG.normal(size=(8, 3)))
    up = nw.ConvTranspose2d(RNG.normal(size=(2, 3, 4, 4)), (2, 2, 2), stride=2, padding=1)
    down = nw.Conv2d(RNG.normal(size=(2, 3, 3, 3)), (3, 4, 4), stride=2, padding=1)
    layers = (
        layer("fc", (2, 2, 2), dense),
        layer("up", (3, 4, 4), up),
        layer("down", (2, 2, 2), down, neuron),
    )
    return Network("generator", (3,), 16, layers, decoder, {"seed": "7", "note": "π"})


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.dtype in (np.float64, np.int64)
        assert not other.flags.writeable
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, tuple):
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


@pytest.mark.parametrize("decoder", decoders(RNG, 8, 16), ids=lambda d: d and d.kind)
def test_round_trip_of_decoders(tmp_path: Path, decoder: nw.Decoder | None) -> None:
    network = small(SPIKING if getattr(decoder, "takes_spikes", False) else READOUT, decoder)
    save_network(network, tmp_path / "network.safetensors")
    assert_same(network, load_network(tmp_path / "network.safetensors"))


@given(networks())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_round_trip_of_any_network(network: Network) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_network(network, Path(folder) / "network.safetensors")
        again = load_network(Path(folder) / "network.safetensors")
    assert_same(network, again)
    assert network_hash(network) == network_hash(again)


def test_every_primitive_is_in_the_round_trip() -> None:
    """What the property test draws from covers the registry; a new primitive must be added there."""
    text = (Path(__file__).parent / "network_drawing.py").read_text()
    for primitives in nw.PRIMITIVES.values():
        assert all(f"nw.{primitive.__name__}(" in text for primitive in primitives.values())


def test_a_layer_called_decoder_keeps_its_arrays(tmp_path: Path) -> None:
    only = layer("decoder", (4,), nw.Dense(np.ones((4, 3))), READOUT)
    network = Network("generator", (3,), 2, (only,), nw.TemporalAttention(np.ones((2, 2)), 2))
    save_network(network, tmp_path / "network.safetensors")
    assert_same(network, load_network(tmp_path / "network.safetensors"))


def test_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    network = small()
    for name in "ab":
        save_network(network, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_arrays_are_copies_that_cannot_change() -> None:
    weight = np.ones((1, 2))
    dense = nw.Dense(weight)
    weight[:] = 0
    assert dense.weight.sum() == 2
    with pytest.raises(ValueError, match="read-only"):
        dense.weight[0, 0] = 3


# ------------------------------------------------------------------------------------------- damaged files


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "network.safetensors"
    save_network(small(), path)
    return path


def rewrite(path: Path, change: dict[str, Any], drop: str = "") -> None:
    """Save the network again with another header and without the tensor `drop`."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    network = {**json.loads(header["__metadata__"]["network"]), **change}
    tensors = {name: array for name, array in load_file(path).items() if name != drop}
    save_file(tensors, path, metadata={"network": json.dumps(network)})


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_file(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(
        ValueError, match=rf"{saved} is not a whole safetensors file \(.*\); export the network again\.$"
    ):
        load_network(saved)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"network: there is no file .*; write it with `python -m trained"
    ):
        load_network(tmp_path / "none")


def test_tensors_without_a_network(saved: Path) -> None:
    save_file({"weight": np.zeros(3)}, saved)
    with pytest.raises(ValueError, match="holds tensors but no network description; give a file that"):
        load_network(saved)


def test_schema_version_1_is_read(saved: Path) -> None:
    """Version 1 had fewer fields; they have defaults."""
    content = saved.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    network = json.loads(header["__metadata__"]["network"])
    for name in ("input", "latency", "decision", "zero_spikes"):
        del network[name]
    for entry in network["layers"]:
        del entry["recurrent"]
        entry["connection"].pop("output_padding", None)
    save_file(load_file(saved), saved, metadata={"network": json.dumps({**network, "schema_version": 1})})
    read = load_network(saved)
    assert (read.input, read.latency, read.layers[0].recurrent) == ("constant", 0, ())


def test_unknown_field(saved: Path) -> None:
    rewrite(saved, {"decoder": {"kind": "last", "speed": 3}})
    with pytest.raises(ValueError, match=r"describes what this software does not know .*speed"):
        load_network(saved)


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_other_schema_version(saved: Path, version: object) -> None:
    rewrite(saved, {"schema_version": version})
    with pytest.raises(
        ValueError,
        match=f"{saved}: the description has schema version {version}, this software reads 1 and 2; export the network again",
    ):
        load_network(saved)


def test_absent_tensor(saved: Path) -> None:
    rewrite(saved, {}, drop="up.weight")
    with pytest.raises(ValueError, match=r"lacks 'up\.weight'; export the network again"):
        load_network(saved)


def test_unknown_decoder(saved: Path) -> None:
    rewrite(saved, {"decoder": {"kind": "men"}})
    with pytest.raises(
        ValueError,
        match=r"unknown decoder 'men': did you mean 'mean'. allowed are attention, first_spike_time, last",
    ):
        load_network(saved)


def describe(path: Path, text: str) -> None:
    save_file(load_file(path), path, metadata={"network": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{broken", r": the network description is no JSON \(.*\); export the network again\."),
        ("[]", r" describes what this software does not know \(.*\); export again\."),
    ],
)
def test_descriptions_that_are_none(saved: Path, text: str, said: str) -> None:
    describe(saved, text)
    with pytest.raises(ValueError, match=f"^{saved}{said}$"):
        load_network(saved)


def test_errors_name_file_and_layer(saved: Path) -> None:
    rewrite(saved, {"n_steps": 2.5})
    with pytest.raises(ValueError, match=rf"^{saved}: n_steps is 2\.5; a whole number is needed\.$"):
        load_network(saved)
    rewrite(saved, {"n_steps": 2})
    tensors = load_file(saved)
    tensors["down.weight"][0, 0, 0, 0] = np.nan
    with safe_open(saved, framework="numpy") as file:
        metadata = file.metadata()
    save_file(tensors, saved, metadata=metadata)
    with pytest.raises(
        ValueError, match=rf"^{saved}: layer down: conv2d weight holds NaN or infinite values; train"
    ):
        load_network(saved)


def test_failed_save_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("study.network.file.save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        save_network(small(nw.LeakyIntegrator(0.5, 0.5)), saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]

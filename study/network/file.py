"""Network files: safetensors with the description as JSON in the header."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from study.commands import unknown
from study.files import replacing, require_file
from study.network import connections, decoders, neurons
from study.network.layer import Layer, Recurrent
from study.network.network import Network

SCHEMA_VERSION = 2
READABLE = (
    1,
    2,
)  # 1 had no recurrent input, latency, kinds of input or decisions: their defaults are its meaning

# One entry per primitive: adding one means adding its class to its file and to its union there.
PRIMITIVES: dict[str, dict[str, type]] = {
    "connection": {c.kind: c for c in connections.Connection.__args__},
    "neuron": {c.kind: c for c in neurons.Neuron.__args__},
    "decoder": {c.kind: c for c in decoders.Decoder.__args__},
}


def save_network(network: Network, path: str | Path) -> None:
    """Write `network` to a safetensors file: arrays as tensors, the rest as JSON in the header."""
    description, tensors = _pack_network(network)
    header = {
        "schema_version": SCHEMA_VERSION,
        **description,
        "provenance": dict(network.provenance),
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"network": json.dumps(header)})


def network_hash(network: Network) -> str:
    """Return the sha256 of all that a network's file holds but its provenance: the same for what computes the same."""
    description, tensors = _pack_network(network)
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"\0{name} {array.dtype} {array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def load_network(path: str | Path) -> Network:
    """Read a network that `save_network` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is cut short, is not a network, has another schema version, or describes what does not fit.
    """
    path = require_file(path, "network", "write it with `python -m trained export RUN`")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a whole safetensors file ({error}); export the network again."
        ) from error
    if "network" not in metadata:
        raise ValueError(
            f"{path} holds tensors but no network description; give a file that `python -m trained export` wrote."
        )
    try:
        return _unpack_network(_read_header(metadata["network"]), tensors)
    except KeyError as error:
        raise ValueError(f"{path} lacks {error}; export the network again.") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} describes what this software does not know ({error}); export again."
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read_header(text: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"the network description is no JSON ({error}); export the network again."
        ) from error
    version = header.get("schema_version")
    if version not in READABLE:
        raise ValueError(
            f"the description has schema version {version}, this software reads "
            f"{' and '.join(map(str, READABLE))}; export the network again."
        )
    return dict(header)


def _plain_fields() -> list[str]:
    """Return the names of the fields of Network that are JSON as they are."""
    return [f.name for f in dataclasses.fields(Network) if f.name not in ("layers", "decoder", "provenance")]


def _pack_network(network: Network) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return (what is JSON, arrays by name); provenance is in neither."""
    tensors: dict[str, np.ndarray] = {}
    description = {
        **{name: getattr(network, name) for name in _plain_fields()},
        "layers": [_pack_layer(layer, tensors) for layer in network.layers],
        "decoder": None if network.decoder is None else _pack(network.decoder, "decoder.image", tensors),
    }
    return description, tensors


def _pack_layer(layer: Layer, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    tensors[f"{layer.name}.drive"] = layer.drive
    return {
        "name": layer.name,
        "shape": layer.shape,
        "connection": None if layer.connection is None else _pack(layer.connection, layer.name, tensors),
        "neuron": _pack(layer.neuron, layer.name, tensors),
        "recurrent": [
            {"source": r.source, "connection": _pack(r.connection, f"{layer.name}.from.{r.source}", tensors)}
            for r in layer.recurrent
        ],
    }


def _unpack_network(header: dict[str, Any], tensors: dict[str, np.ndarray]) -> Network:
    decoder = header["decoder"]
    required = ("role", "input_shape", "n_steps")
    plain = {name: header[name] for name in _plain_fields() if name in required or name in header}
    return Network(
        **plain,
        layers=tuple(_unpack_layer(entry, tensors) for entry in header["layers"]),
        decoder=None if decoder is None else _unpack("decoder", decoder, tensors),
        provenance=header["provenance"],
    )


def _unpack_layer(entry: dict[str, Any], tensors: dict[str, np.ndarray]) -> Layer:
    name = entry["name"]

    def unpack(family: str, part: dict[str, Any]) -> Any:
        try:
            return _unpack(family, part, tensors)
        except ValueError as error:
            raise ValueError(f"layer {name}: {error}") from error

    return Layer(
        name=name,
        shape=tuple(entry["shape"]),
        connection=None if entry["connection"] is None else unpack("connection", entry["connection"]),
        drive=tensors[f"{name}.drive"],
        neuron=unpack("neuron", entry["neuron"]),
        recurrent=tuple(
            Recurrent(r["source"], unpack("connection", r["connection"])) for r in entry.get("recurrent", ())
        ),
    )


def _pack(primitive: Any, prefix: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return a JSON entry for `primitive`; its arrays go to `tensors` under `prefix.field`, what is None is left out."""
    entry: dict[str, Any] = {"kind": primitive.kind}
    for field in dataclasses.fields(primitive):
        value = getattr(primitive, field.name)
        if isinstance(value, np.ndarray):
            key = f"{prefix}.{field.name}"
            tensors[key] = value
            entry[field.name] = {"tensor": key}
        elif value is not None:
            entry[field.name] = value
    return entry


def _unpack(family: str, entry: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    fields = dict(entry)
    kind = fields.pop("kind")
    if kind not in PRIMITIVES[family]:
        raise unknown(family, kind, PRIMITIVES[family])
    arguments = {
        name: tensors[value["tensor"]] if isinstance(value, dict) else value for name, value in fields.items()
    }
    return PRIMITIVES[family][kind](**arguments)

"""A spiking network described once: `trained` exports it, `bio` simulates it.

One small frozen class per primitive, its equation in the docstring, its fields the symbols of that equation
(after NIR, Pedersen et al. 2024, doi 10.1038/s41467-024-52259-9). Arrays are float64 and in C order. Units of a
layer are numbered in C order of its shape: (channel, y, x) for images.

At step t of T, layer by layer and without latency between layers, every unit receives the current

    I[t] = connection(s[t]) + drive

where s[t] is the 0/1 output of the layer before, or, for the first layer, the analog input, which is the same at all
steps. Batch norm and average pooling have no class of their own: they are folded into weights and drive.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from study.commands import unknown
from study.files import replacing, require_file

SCHEMA_VERSION = 1
Shape = tuple[int, ...]


def _array(value: Any, name: str, ndim: int) -> np.ndarray:
    array = np.array(
        value, dtype=np.float64, order="C"
    )  # a copy: nobody else can change a frozen description
    if array.ndim != ndim:
        raise ValueError(f"{name} has {array.ndim} axes, shape {array.shape}; {ndim} are needed.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values; train or export the network again.")
    array.flags.writeable = False
    return array


# ---------------------------------------------------------------------------------------------- connections


@dataclasses.dataclass(frozen=True)
class Dense:
    """Every unit to every unit: I[j] = Σ_i weight[j, i] s[i].

    Parameters
    ----------
    weight : array, (n_out, n_in)
    """

    weight: np.ndarray
    kind: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _array(self.weight, "dense weight", 2))

    @property
    def n_in(self) -> int:
        """Number of presynaptic units."""
        return self.weight.shape[1]

    @property
    def n_out(self) -> int:
        """Number of postsynaptic units."""
        return self.weight.shape[0]


@dataclasses.dataclass(frozen=True)
class Conv2d:
    """Cross-correlation, as torch defines it.

    I[o, y, x] = Σ_{c,ky,kx} weight[o, c, ky, kx] s[c, y·stride - padding + ky, x·stride - padding + kx]

    Average pooling by p before a convolution of stride 1 is the convolution of stride p whose kernel is every tap
    spread over p x p places, divided by p².

    Parameters
    ----------
    weight : array, (channels_out, channels_in, kernel_y, kernel_x)
    input_shape : (channels_in, y, x)
    stride, padding : int
        In units of the input grid, the same along y and x.
    """

    weight: np.ndarray
    input_shape: Shape
    stride: int = 1
    padding: int = 0
    kind: ClassVar[str] = "conv2d"

    def __post_init__(self) -> None:
        _check_spatial(self, channel_axis=1)

    @property
    def output_shape(self) -> Shape:
        """(channels_out, y, x)."""
        _, height, width = self.input_shape
        n_out, _, ky, kx = self.weight.shape
        return (
            n_out,
            (height + 2 * self.padding - ky) // self.stride + 1,
            (width + 2 * self.padding - kx) // self.stride + 1,
        )

    @property
    def n_in(self) -> int:
        """Number of presynaptic units."""
        return int(np.prod(self.input_shape))

    @property
    def n_out(self) -> int:
        """Number of postsynaptic units."""
        return int(np.prod(self.output_shape))


@dataclasses.dataclass(frozen=True)
class ConvTranspose2d:
    """Transposed convolution, as torch defines it.

    s[c, y, x] reaches I[o, y·stride - padding + ky, x·stride - padding + kx] with weight[c, o, ky, kx].

    Parameters
    ----------
    weight : array, (channels_in, channels_out, kernel_y, kernel_x)
    input_shape : (channels_in, y, x)
    stride, padding : int
        In units of the output grid.
    """

    weight: np.ndarray
    input_shape: Shape
    stride: int = 1
    padding: int = 0
    kind: ClassVar[str] = "conv_transpose2d"

    def __post_init__(self) -> None:
        _check_spatial(self, channel_axis=0)

    @property
    def output_shape(self) -> Shape:
        """(channels_out, y, x)."""
        _, height, width = self.input_shape
        _, n_out, ky, kx = self.weight.shape
        return (
            n_out,
            (height - 1) * self.stride - 2 * self.padding + ky,
            (width - 1) * self.stride - 2 * self.padding + kx,
        )

    @property
    def n_in(self) -> int:
        """Number of presynaptic units."""
        return int(np.prod(self.input_shape))

    @property
    def n_out(self) -> int:
        """Number of postsynaptic units."""
        return int(np.prod(self.output_shape))


def _check_spatial(conv: Conv2d | ConvTranspose2d, channel_axis: int) -> None:
    object.__setattr__(conv, "weight", _array(conv.weight, f"{conv.kind} weight", 4))
    object.__setattr__(conv, "input_shape", tuple(int(n) for n in conv.input_shape))
    if len(conv.input_shape) != 3 or conv.input_shape[0] != conv.weight.shape[channel_axis]:
        raise ValueError(
            f"{conv.kind}: input_shape {conv.input_shape} does not fit weight {conv.weight.shape}; "
            f"it must be (channels, y, x) with {conv.weight.shape[channel_axis]} channels."
        )
    if conv.stride < 1 or conv.padding < 0:
        raise ValueError(
            f"{conv.kind}: stride {conv.stride} and padding {conv.padding}; "
            "allowed are stride of at least 1 and padding of at least 0."
        )
    if min(conv.output_shape) < 1:
        raise ValueError(
            f"{conv.kind}: output shape {conv.output_shape} from input {conv.input_shape} is empty; "
            "use a larger image or a smaller kernel."
        )


Connection = Dense | Conv2d | ConvTranspose2d


# -------------------------------------------------------------------------------------------------- neurons


@dataclasses.dataclass(frozen=True)
class LIF:
    """Leaky integrate-and-fire, one update per step, in this order.

    H[t] = decay V[t-1] + gain I[t];   S[t] = H[t] > v_threshold (or >=);
    hard reset: V[t] = v_reset where S[t], else H[t];   soft reset: V[t] = H[t] - v_threshold S[t].

    V[0] = 0. SGAD's node (tau = 2) is decay = 1 - 1/tau, gain = 1/tau, threshold 1, `>`, hard reset to 0.

    Parameters
    ----------
    decay, gain, v_threshold, v_reset : float
        Dimensionless; decay per step, 0 to 1.
    reset : "hard" or "soft"
    threshold_rule : ">" or ">="
    """

    decay: float
    gain: float
    v_threshold: float = 1.0
    v_reset: float = 0.0
    reset: str = "hard"
    threshold_rule: str = ">"
    kind: ClassVar[str] = "lif"

    def __post_init__(self) -> None:
        _check_decay(self.decay)
        if self.reset not in ("hard", "soft"):
            raise unknown("reset rule", self.reset, ("hard", "soft"))
        if self.threshold_rule not in (">", ">="):
            raise unknown("threshold rule", self.threshold_rule, (">", ">="))


@dataclasses.dataclass(frozen=True)
class LeakyIntegrator:
    """Membrane that never fires: U[t] = decay U[t-1] + gain I[t], U[0] = 0. Its output is U."""

    decay: float
    gain: float
    kind: ClassVar[str] = "leaky_integrator"

    def __post_init__(self) -> None:
        _check_decay(self.decay)


@dataclasses.dataclass(frozen=True)
class Current:
    """No membrane: the output at step t is the current I[t] itself (a generator's frame before its sigmoid)."""

    kind: ClassVar[str] = "current"


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is {decay}; allowed is 0 to 1 (the share of the membrane kept per step).")


Neuron = LIF | LeakyIntegrator | Current


# ------------------------------------------------------------------------------------------------- decoders


@dataclasses.dataclass(frozen=True)
class LastFrame:
    """image = X[T]."""

    kind: ClassVar[str] = "last"


@dataclasses.dataclass(frozen=True)
class MeanFrames:
    """image = Σ_t X[t] / T."""

    kind: ClassVar[str] = "mean"


@dataclasses.dataclass(frozen=True)
class AttentionScoring:
    """Attention scoring decoding (Feng et al. 2023, arXiv 2305.10246; equations from their released code).

    V[1] = X[1]; for t > 1, with q = W_q query + b_q and k_• = W_k • + b_k on flattened images,
    (a_V, a_X) = softmax([q·k_V, q·k_X] / √d), V[t] = a_V V[t-1] + a_X X[t]; image = V[T].
    The query is V[t-1] in the released code, X[t] in the paper's figure.

    Parameters
    ----------
    weight_query, weight_key : array, (d, n_pixels)
    bias_query, bias_key : array, (d,)
    query : "previous" (V[t-1], the code) or "current" (X[t], the figure)
    """

    weight_query: np.ndarray
    bias_query: np.ndarray
    weight_key: np.ndarray
    bias_key: np.ndarray
    query: str = "previous"
    kind: ClassVar[str] = "attention"

    def __post_init__(self) -> None:
        for name, ndim in (("weight_query", 2), ("bias_query", 1), ("weight_key", 2), ("bias_key", 1)):
            object.__setattr__(self, name, _array(getattr(self, name), f"attention {name}", ndim))
        if self.query not in ("previous", "current"):
            raise unknown("attention query", self.query, ("previous", "current"))


Decoder = LastFrame | MeanFrames | AttentionScoring


# -------------------------------------------------------------------------------------------------- network


@dataclasses.dataclass(frozen=True)
class Layer:
    """One population: what reaches it and how it answers.

    Parameters
    ----------
    name : str
        Lower case letters and digits: it becomes the name of Brian2 objects and of result groups.
    shape : tuple of int
        Shape of the layer's units, (unit,) or (channel, y, x).
    connection : Dense, Conv2d or ConvTranspose2d
        From the layer before (or the analog input).
    drive : array, (n_units,)
        Constant current per unit and step (biases and the shift of a folded batch norm).
    neuron : LIF, LeakyIntegrator or Current
    """

    name: str
    shape: Shape
    connection: Connection
    drive: np.ndarray
    neuron: Neuron

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "drive", _array(self.drive, f"drive of layer {self.name}", 1))
        if not (self.name.isalnum() and self.name.islower() and self.name[0].isalpha()):
            raise ValueError(f"layer name {self.name!r}; allowed are lower case letters and digits.")
        if not self.n_units == self.connection.n_out == len(self.drive):
            raise ValueError(
                f"layer {self.name}: shape {self.shape} has {self.n_units} units, its connection "
                f"{self.connection.n_out} and its drive {len(self.drive)}; all three must agree."
            )

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(np.prod(self.shape))

    @property
    def spikes(self) -> bool:
        """Whether the layer's output is 0/1."""
        return isinstance(self.neuron, LIF)


@dataclasses.dataclass(frozen=True)
class Network:
    """A feed-forward spiking network with an analog, constant input.

    Parameters
    ----------
    role : "generator" or "critic"
    input_shape : tuple of int
        (n_latent,) or (channel, y, x).
    n_steps : int
        T, steps per stimulus.
    layers : tuple of Layer
        All spike but the last (the readout).
    decoder : decoder, optional
        Generator only: how the frames X[t] = sigmoid(readout at t) become one image.
    provenance : mapping of str to str
    """

    role: str
    input_shape: Shape
    n_steps: int
    layers: tuple[Layer, ...]
    decoder: Decoder | None = None
    provenance: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(int(n) for n in self.input_shape))
        object.__setattr__(self, "layers", tuple(self.layers))
        if self.role not in ("generator", "critic"):
            raise unknown("network role", self.role, ("generator", "critic"))
        if self.n_steps < 1:
            raise ValueError(f"n_steps is {self.n_steps}; at least 1 is needed.")
        if not self.layers:
            raise ValueError("the network has no layers; at least one is needed.")
        self._check_chain()

    def _check_chain(self) -> None:
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError(f"layer names {names} repeat; each must be unique.")
        n_before, before = int(np.prod(self.input_shape)), "the input"
        for layer in self.layers:
            if layer.connection.n_in != n_before:
                raise ValueError(
                    f"layer {layer.name} takes {layer.connection.n_in} units, but {before} has {n_before}."
                )
            n_before, before = layer.n_units, f"layer {layer.name}"
        silent = [layer.name for layer in self.layers[:-1] if not layer.spikes]
        if silent:
            raise ValueError(f"layer {silent[0]} does not spike, but is not the last; only the last may not.")

    @property
    def readout(self) -> Layer:
        """The last layer."""
        return self.layers[-1]


# --------------------------------------------------------------------------------------------- file format

PRIMITIVES: dict[str, dict[str, type]] = {
    "connection": {c.kind: c for c in (Dense, Conv2d, ConvTranspose2d)},
    "neuron": {c.kind: c for c in (LIF, LeakyIntegrator, Current)},
    "decoder": {c.kind: c for c in (LastFrame, MeanFrames, AttentionScoring)},
}


def save_network(network: Network, path: str | Path) -> None:
    """Write `network` to a safetensors file: arrays as tensors, the rest as JSON in the header."""
    tensors: dict[str, np.ndarray] = {}
    layers = []
    for layer in network.layers:
        tensors[f"{layer.name}.drive"] = layer.drive
        layers.append(
            {
                "name": layer.name,
                "shape": layer.shape,
                "connection": _pack(layer.connection, layer.name, tensors),
                "neuron": _pack(layer.neuron, layer.name, tensors),
            }
        )
    header = {
        "schema_version": SCHEMA_VERSION,
        "role": network.role,
        "input_shape": network.input_shape,
        "n_steps": network.n_steps,
        "layers": layers,
        "decoder": None if network.decoder is None else _pack(network.decoder, "decoder", tensors),
        "provenance": dict(network.provenance),
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"network": json.dumps(header)})


def load_network(path: str | Path) -> Network:
    """Read a network that `save_network` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is cut short, is not a network, or has another schema version.
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
    header = json.loads(metadata["network"])
    if header.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path} has schema version {header.get('schema_version')}, this software reads {SCHEMA_VERSION}; "
            "export the network again."
        )
    try:
        return _unpack_network(header, tensors)
    except KeyError as error:
        raise ValueError(f"{path} lacks {error}; export the network again.") from error


def _unpack_network(header: dict[str, Any], tensors: dict[str, np.ndarray]) -> Network:
    layers = tuple(
        Layer(
            name=entry["name"],
            shape=tuple(entry["shape"]),
            connection=_unpack("connection", entry["connection"], tensors),
            drive=tensors[f"{entry['name']}.drive"],
            neuron=_unpack("neuron", entry["neuron"], tensors),
        )
        for entry in header["layers"]
    )
    decoder = header["decoder"]
    return Network(
        role=header["role"],
        input_shape=tuple(header["input_shape"]),
        n_steps=header["n_steps"],
        layers=layers,
        decoder=None if decoder is None else _unpack("decoder", decoder, tensors),
        provenance=header["provenance"],
    )


def _pack(primitive: Any, prefix: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return a JSON entry for `primitive`; its arrays go to `tensors` under `prefix.field`."""
    entry: dict[str, Any] = {"kind": primitive.kind}
    for field in dataclasses.fields(primitive):
        value = getattr(primitive, field.name)
        if isinstance(value, np.ndarray):
            key = f"{prefix}.{field.name}"
            tensors[key] = value
            entry[field.name] = {"tensor": key}
        else:
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

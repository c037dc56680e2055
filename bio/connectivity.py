"""Connections of `study.network` as synapses: index arrays, Brian2 generator text and the analog input's current."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse

from study.network import Connection, Conv2d, ConvTranspose2d, Dense, Layer, MaxPool2d, Pick, Sparse


@dataclasses.dataclass(frozen=True)
class SynapseText:
    """What Brian2 evaluates to make the synapses of one connection.

    Parameters
    ----------
    connect : str
        For `Synapses.connect(j=...)`: postsynaptic units of presynaptic unit i.
    kernel_index : str
        Index of the synapse (i, j) into `weights(connection)`.
    transmits : str
        Factor 0 or 1 that says, when a spike arrives, whether the synapse passes it on; empty if always. It may name i but
        not j, which brian2cuda calls something else there.
    """

    connect: str
    kernel_index: str
    transmits: str = ""


def weights(connection: Connection) -> np.ndarray:
    """Return the distinct weights of a connection, (kernel entry,).

    In the order in which the synapses of one presynaptic unit follow one another: a spike then reads its weights from
    memory in a row.
    """
    if isinstance(connection, MaxPool2d | Pick):
        return np.ones(1)
    if isinstance(connection, Dense):
        return connection.weight.T.ravel()
    if isinstance(connection, Conv2d):
        return connection.weight.transpose(1, 2, 3, 0).ravel()
    return connection.weight.ravel()


def edges(connection: Connection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List every synapse of a connection.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    i, j, k : int64 arrays, (synapse,)
        Presynaptic unit, postsynaptic unit, index into `weights(connection)`. Pairs (i, j) are unique. Of a `Sparse`
        connection, whose synapses Brian2 is given in this order, i rises.
        Taps that fall into the padding have no synapse. All candidates of a `Pick` have one.
    """
    if isinstance(connection, Pick):
        i = np.arange(connection.n_in)
        return i, i // connection.n_each, np.zeros_like(i)
    if isinstance(connection, MaxPool2d):
        return _pool_edges(connection)
    if isinstance(connection, Sparse):
        order = np.argsort(connection.pre, kind="stable")
        return connection.pre[order], connection.post[order], order
    if isinstance(connection, Dense):
        j, i = np.indices(connection.weight.shape).reshape(2, -1)
        return i, j, i * connection.n_out + j
    small, large, taps = _grids(connection)
    (_, height, width), (_, height_large, width_large) = small, large
    # Both kinds join place (y, x) of the small grid and place (y, x)·stride - padding + (ky, kx) of the large one.
    a, b, ky, kx, y, x = np.indices((*connection.weight.shape, height, width), sparse=True)
    y_large = y * connection.stride - connection.padding + ky
    x_large = x * connection.stride - connection.padding + kx
    inside = (y_large >= 0) & (y_large < height_large) & (x_large >= 0) & (x_large < width_large)
    shape = (*connection.weight.shape, height, width)
    inside = np.broadcast_to(inside, shape)
    at_small = np.broadcast_to((a * height + y) * width + x, shape)[inside]
    at_large = np.broadcast_to((b * height_large + y_large) * width_large + x_large, shape)[inside]
    n_small, n_large = connection.weight.shape[:2]
    if isinstance(connection, Conv2d):
        k = ((b * taps[0] + ky) * taps[1] + kx) * n_small + a
        return at_large, at_small, np.broadcast_to(k, shape)[inside]
    k = ((a * n_large + b) * taps[0] + ky) * taps[1] + kx
    return at_small, at_large, np.broadcast_to(k, shape)[inside]


def _pool_edges(pool: MaxPool2d) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    channel, y, x = np.indices(pool.input_shape).reshape(3, -1)
    _, height, width = pool.output_shape
    inside = (y < height * pool.size) & (x < width * pool.size)
    j = (channel * height + y // pool.size) * width + x // pool.size
    return np.flatnonzero(inside), j[inside], np.zeros(inside.sum(), np.int64)


def _grids(connection: Conv2d | ConvTranspose2d) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, int]]:
    """Return (small grid, large grid, taps): strides are steps on the large grid."""
    taps = (connection.weight.shape[2], connection.weight.shape[3])
    if isinstance(connection, Conv2d):
        return connection.output_shape, connection.input_shape, taps
    return connection.input_shape, connection.output_shape, taps


def synapse_text(connection: Connection) -> SynapseText:
    """Return the texts that make Brian2 compute the same synapses as `edges`, without any array.

    Synapses of a `Sparse` connection follow no rule: they have arrays, and no texts.

    Integer arithmetic only, so the texts mean the same on every code generation target.
    """
    if isinstance(connection, Sparse):
        return SynapseText("", "")
    if isinstance(connection, Dense):
        return SynapseText(f"q for q in range({connection.n_out})", f"i*{connection.n_out} + j")
    if isinstance(connection, Pick):
        n_each = connection.n_each
        return SynapseText(f"i//{n_each} for q in range(1)", "0", f"int(i % {n_each} == draw_post)")
    if isinstance(connection, MaxPool2d):
        return _pool_text(connection)
    if isinstance(connection, Conv2d):
        return _conv_text(connection)
    return _transposed_text(connection)


def _pool_text(pool: MaxPool2d) -> SynapseText:
    _, height_in, width_in = pool.input_shape
    _, height, width = pool.output_shape
    y, x = f"(((i//{width_in})%{height_in})//{pool.size})", f"((i%{width_in})//{pool.size})"
    unit = f"((i//{height_in * width_in})*{height} + {y})*{width} + {x}"
    return SynapseText(f"{unit} for q in range(1) if {y} < {height} and {x} < {width}", "0")


def _conv_text(conv: Conv2d) -> SynapseText:
    """For input place y, the outputs are floor((y + padding)/stride) and the few before it that the kernel reaches."""
    _, height, width = conv.input_shape
    n_out, height_out, width_out = conv.output_shape
    _, _, taps_y, taps_x = conv.weight.shape
    reach_y, reach_x = -(-taps_y // conv.stride), -(-taps_x // conv.stride)
    y_in, x_in = f"((i//{width})%{height} + {conv.padding})", f"(i%{width} + {conv.padding})"
    y_out = f"({y_in}//{conv.stride} - q//{n_out * reach_x})"
    x_out = f"({x_in}//{conv.stride} - (q//{n_out})%{reach_x})"
    inside = (
        f"{y_out} >= 0 and {y_out} < {height_out} and {y_in} - {conv.stride}*{y_out} < {taps_y} and "
        f"{x_out} >= 0 and {x_out} < {width_out} and {x_in} - {conv.stride}*{x_out} < {taps_x}"
    )
    unit = f"((q%{n_out})*{height_out} + {y_out})*{width_out} + {x_out}"
    tap_y = f"({y_in} - {conv.stride}*((j//{width_out})%{height_out}))"
    tap_x = f"({x_in} - {conv.stride}*(j%{width_out}))"
    tap = f"((i//{height * width})*{taps_y} + {tap_y})*{taps_x} + {tap_x}"
    return SynapseText(
        connect=f"{unit} for q in range({n_out * reach_y * reach_x}) if {inside}",
        kernel_index=f"({tap})*{n_out} + j//{height_out * width_out}",
    )


def _transposed_text(conv: ConvTranspose2d) -> SynapseText:
    _, height, width = conv.input_shape
    n_out, height_out, width_out = conv.output_shape
    _, _, taps_y, taps_x = conv.weight.shape
    y_first = f"({conv.stride}*((i//{width})%{height}) - {conv.padding})"
    x_first = f"({conv.stride}*(i%{width}) - {conv.padding})"
    y_out, x_out = f"({y_first} + (q//{taps_x})%{taps_y})", f"({x_first} + q%{taps_x})"
    inside = f"{y_out} >= 0 and {y_out} < {height_out} and {x_out} >= 0 and {x_out} < {width_out}"
    unit = f"((q//{taps_y * taps_x})*{height_out} + {y_out})*{width_out} + {x_out}"
    tap_y = f"((j//{width_out})%{height_out} - {y_first})"
    tap_x = f"(j%{width_out} - {x_first})"
    channels = f"((i//{height * width})*{n_out} + j//{height_out * width_out})"
    return SynapseText(
        connect=f"{unit} for q in range({n_out * taps_y * taps_x}) if {inside}",
        kernel_index=f"({channels}*{taps_y} + {tap_y})*{taps_x} + {tap_x}",
    )


def analog_current(layer: Layer, values: np.ndarray) -> np.ndarray:
    """Compute the constant current of a layer whose input is analog: connection(values) + drive.

    Parameters
    ----------
    layer : Layer
        The first layer of a network.
    values : array, (stimulus, n_in)
        Analog input, dimensionless.

    Returns
    -------
    float64 array, (stimulus, unit)
        Dimensionless, as in `study.network`.
    """
    connection = layer.connection
    if connection is None:
        raise ValueError(f"layer {layer.name} has no connection from the input.")
    if isinstance(connection, Dense):
        # One by one: a product of matrices is rounded otherwise when it has another number of rows.
        return np.array([connection.weight @ one for one in values]) + layer.drive
    i, j, k = edges(connection)
    shape = (connection.n_out, connection.n_in)
    matrix = scipy.sparse.csr_matrix((weights(connection)[k], (j, i)), shape=shape)
    current = np.asarray((matrix @ values.T).T)
    current += layer.drive
    return current

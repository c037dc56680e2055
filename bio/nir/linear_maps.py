"""NIR's linear nodes as sparse matrices over units in C order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse

from bio.nir.graph import Shape, kind

Matrix = Any  # scipy.sparse.csr_matrix, (n_out, n_in)
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # (before, after) along y and x


def output_shape(name: str, node: Any, shape: Shape) -> Shape:
    """Return the shape of what a node gives for an input of `shape`.

    Raises
    ------
    ValueError
        If the input does not fit the node.
    """
    of = kind(node)
    if of in ("Linear", "Affine"):
        wanted = (*node.weight.shape[:-2], node.weight.shape[-1])
        if shape[-len(wanted) :] != wanted:
            raise _misfit(name, node, shape, wanted)
        return (*shape[:-1], node.weight.shape[-2])
    if of == "Flatten":
        first, last = (int(d) % len(shape) for d in (node.start_dim, node.end_dim))
        return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
    if of == "Conv1d":
        weight, stride, padding, dilation = _conv1d(name, node, shape)
        channels, _, width = _fitting(name, weight, (shape[0], 1, shape[1]), stride, padding, dilation)
        return (channels, width)
    if of == "Conv2d":
        return _fitting(name, node.weight, shape, *_conv2d(name, node, shape))
    if of in ("SumPool2d", "AvgPool2d"):
        size, stride, padding = _pool(name, node, shape)
        return _fitting(name, np.ones((shape[0], 1, *size)), shape, stride, padding, (1, 1))
    return shape


def matrix(name: str, node: Any, shape: Shape) -> Matrix:
    """Return the matrix (n_out, n_in) of a linear node for an input of `shape`, biases and delays left aside.

    Raises
    ------
    ValueError
        If its weights are NaN or infinite.
    """
    of, n = kind(node), math.prod(shape)
    if not np.isfinite(getattr(node, "weight", 0.0)).all():
        raise ValueError(f"node {name}: weight holds NaN or infinite values; export the network again.")
    if of in ("Linear", "Affine"):
        weight = np.asarray(node.weight, np.float64)
        blocks = weight.reshape(-1, *weight.shape[-2:])
        repeated = n // (len(blocks) * weight.shape[-1])
        one = scipy.sparse.block_diag(blocks, format="csr")
        return scipy.sparse.kron(scipy.sparse.identity(repeated), one, format="csr")
    if of == "Scale":
        return scipy.sparse.diags(per_unit(name, "scale", node.scale, shape)).tocsr()
    if of == "Conv1d":
        weight, stride, padding, dilation = _conv1d(name, node, shape)
        return _conv_matrix(weight, (shape[0], 1, shape[1]), stride, padding, dilation, int(node.groups))
    if of == "Conv2d":
        return _conv_matrix(node.weight, shape, *_conv2d(name, node, shape), int(node.groups))
    if of in ("SumPool2d", "AvgPool2d"):
        size, stride, padding = _pool(name, node, shape)
        share = 1 / math.prod(size) if of == "AvgPool2d" else 1.0
        taps = np.full((shape[0], 1, *size), share)
        return _conv_matrix(taps, shape, stride, padding, (1, 1), shape[0])
    return scipy.sparse.identity(n, format="csr")


def bias(name: str, node: Any, shape: Shape) -> np.ndarray:
    """Return the constant (n_out,) that a node adds to an output of `shape`.

    Raises
    ------
    ValueError
        For another number of values, or NaN.
    """
    given = getattr(node, "bias", None)
    value = np.asarray(0.0 if given is None else given, np.float64)
    found = value.shape
    if kind(node) in ("Conv1d", "Conv2d"):
        value = value.reshape(-1, *[1] * (len(shape) - 1))
    try:
        value = np.broadcast_to(value, shape).ravel()
    except ValueError:
        raise ValueError(
            f"node {name}: bias has the shape {found}, but its output {shape}; give one value or one per channel."
        ) from None
    if not np.isfinite(value).all():
        raise ValueError(f"node {name}: bias holds NaN or infinite values; export the network again.")
    return value


def per_unit(name: str, what: str, values: Any, shape: Shape) -> np.ndarray:
    """Return a parameter (n_units,): one value for all, or one per unit.

    Raises
    ------
    ValueError
        For another number of values, or NaN.
    """
    values, n = np.asarray(values, np.float64), math.prod(shape)
    if values.size not in (1, n):
        raise ValueError(
            f"node {name}: {what} has the shape {values.shape}, but its input {shape}; give one value or one per unit."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"node {name}: {what} holds NaN or infinite values; export the network again.")
    return np.broadcast_to(values.ravel(), n)


def plain_conv(name: str, node: Any, shape: Shape) -> tuple[int, int] | None:
    """Return (stride, padding) of a Conv2d that `study.network.Conv2d` can be; None of any other node."""
    if kind(node) != "Conv2d" or int(node.groups) != 1:
        return None
    stride, padding, dilation = _conv2d(name, node, shape)
    one = stride[0] == stride[1] and len({*padding[0], *padding[1]}) == 1 and dilation == (1, 1)
    return (stride[0], padding[0][0]) if one else None


def _conv2d(name: str, node: Any, shape: Shape) -> tuple[Pair, Padding, Pair]:
    weight, groups = node.weight, int(node.groups)
    if len(shape) != 3 or shape[0] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise _misfit(name, node, shape, (weight.shape[1] * groups, "y", "x"))
    if node.input_shape is not None and tuple(int(n) for n in node.input_shape) != shape[1:]:
        raise _misfit(name, node, shape, (shape[0], *node.input_shape))
    stride, dilation = _pair(node.stride), _pair(node.dilation)
    return stride, _padding(name, node.padding, weight.shape[2:], stride, dilation), dilation


def _conv1d(name: str, node: Any, shape: Shape) -> tuple[np.ndarray, Pair, Padding, Pair]:
    """Return a convolution in one dimension as one over images of one row."""
    weight, groups = node.weight[:, :, None, :], int(node.groups)
    if len(shape) != 2 or shape[0] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise _misfit(name, node, shape, (weight.shape[1] * groups, "x"))
    if node.input_shape is not None and int(node.input_shape) != shape[1]:
        raise _misfit(name, node, shape, (shape[0], int(node.input_shape)))
    stride, dilation = (1, _pair(node.stride)[0]), (1, _pair(node.dilation)[0])
    wide = node.padding if isinstance(node.padding, str) else (0, _pair(node.padding)[0])
    return weight, stride, _padding(name, wide, weight.shape[2:], stride, dilation), dilation


def _pool(name: str, node: Any, shape: Shape) -> tuple[Pair, Pair, Padding]:
    if len(shape) != 3:
        raise _misfit(name, node, shape, ("channels", "y", "x"))
    return _pair(node.kernel_size), _pair(node.stride), _both(_pair(node.padding))


def _padding(name: str, padding: Any, taps: Shape, stride: Pair, dilation: Pair) -> Padding:
    if not isinstance(padding, str):
        return _both(_pair(padding))
    if padding == "valid":
        return _both((0, 0))
    if stride != (1, 1):
        raise ValueError(f"node {name}: padding 'same' needs a stride of 1, but it is {stride}.")
    beyond = [d * (k - 1) for d, k in zip(dilation, taps, strict=True)]
    return ((beyond[0] // 2, -(-beyond[0] // 2)), (beyond[1] // 2, -(-beyond[1] // 2)))


def _both(padding: Pair) -> Padding:
    return ((padding[0], padding[0]), (padding[1], padding[1]))


def _pair(value: Any) -> Pair:
    values = np.atleast_1d(np.asarray(value)).ravel()
    return (int(values[0]), int(values[-1]))


def _fitting(
    name: str, weight: np.ndarray, shape: Shape, stride: Pair, padding: Padding, dilation: Pair
) -> Shape:
    """Return the output's shape after checking that the window fits into the input at least once."""
    if min(*stride, *dilation) < 1:
        raise ValueError(f"node {name}: stride {stride} and dilation {dilation}; at least 1 is needed.")
    out = _conv_shape(weight, shape, stride, padding, dilation)
    if min(out) < 1:
        raise ValueError(
            f"node {name}: a window of {weight.shape[2:]} does not fit into what reaches it, {shape}; check the graph's shapes."
        )
    return out


def _conv_shape(weight: np.ndarray, shape: Shape, stride: Pair, padding: Padding, dilation: Pair) -> Shape:
    sides = [
        (n + sum(pad) - d * (k - 1) - 1) // s + 1
        for n, pad, d, k, s in zip(shape[1:], padding, dilation, weight.shape[2:], stride, strict=True)
    ]
    return (weight.shape[0], *sides)


def _conv_matrix(
    weight: np.ndarray, shape: Shape, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Matrix:
    """Return a cross-correlation as torch defines it; taps in the padding are left out."""
    weight = np.asarray(weight, np.float64)
    _, height, width = shape
    out = _conv_shape(weight, shape, stride, padding, dilation)
    o, c, ky, kx, y, x = np.indices((*weight.shape, *out[1:]), sparse=True)
    y_in = y * stride[0] - padding[0][0] + ky * dilation[0]
    x_in = x * stride[1] - padding[1][0] + kx * dilation[1]
    channel = o // (weight.shape[0] // groups) * weight.shape[1] + c
    full = (*weight.shape, *out[1:])
    inside = np.broadcast_to((y_in >= 0) & (y_in < height) & (x_in >= 0) & (x_in < width), full)
    post = np.broadcast_to((o * out[1] + y) * out[2] + x, full)[inside]
    pre = np.broadcast_to((channel * height + y_in) * width + x_in, full)[inside]
    values = np.broadcast_to(weight[..., None, None], full)[inside]
    return scipy.sparse.csr_matrix((values, (post, pre)), shape=(math.prod(out), math.prod(shape)))


def _misfit(name: str, node: Any, shape: Shape, wanted: tuple[Any, ...]) -> ValueError:
    spoken = ", ".join(str(n) for n in wanted)
    return ValueError(
        f"node {name} ({kind(node)}) takes ({spoken}), but what reaches it has the shape {shape}; "
        "check the graph for a missing Flatten or an Input that counts the batch."
    )

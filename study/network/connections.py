"""Connections: what one layer's output becomes as the next layer's current."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from study.network.arrays import Shape, checked_shape, frozen_array, whole_number


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
        object.__setattr__(self, "weight", frozen_array(self.weight, "dense weight", 2))

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
    output_padding : int
        Rows and columns added at the far end of the output grid, below `stride`; taps that reach them count.
    """

    weight: np.ndarray
    input_shape: Shape
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    kind: ClassVar[str] = "conv_transpose2d"

    def __post_init__(self) -> None:
        _check_spatial(self, channel_axis=0)
        _check_whole(self, "output_padding")
        if not 0 <= self.output_padding < max(self.stride, 1):
            raise ValueError(
                f"conv_transpose2d: output_padding {self.output_padding}; "
                f"allowed is 0 to {self.stride - 1}, below the stride."
            )

    @property
    def output_shape(self) -> Shape:
        """(channels_out, y, x)."""
        _, height, width = self.input_shape
        _, n_out, ky, kx = self.weight.shape
        extra = self.output_padding - 2 * self.padding
        return (n_out, (height - 1) * self.stride + ky + extra, (width - 1) * self.stride + kx + extra)

    @property
    def n_in(self) -> int:
        """Number of presynaptic units."""
        return int(np.prod(self.input_shape))

    @property
    def n_out(self) -> int:
        """Number of postsynaptic units."""
        return int(np.prod(self.output_shape))


@dataclasses.dataclass(frozen=True)
class MaxPool2d:
    """Maximum over windows that do not overlap; of 0/1 spikes, whether any unit of the window fires.

    I[c, y, x] = Σ_{dy,dx < size} s[c, y·size + dy, x·size + dx], and its layer's neuron is `RELAY`, which fires
    if I > 0.5. Rows and columns that fill no window are left out, as torch leaves them out.

    Parameters
    ----------
    input_shape : (channel, y, x)
    size : int
        Side and stride of the windows.
    """

    input_shape: Shape
    size: int
    kind: ClassVar[str] = "max_pool2d"

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", checked_shape(self.input_shape, "input_shape"))
        _check_whole(self, "size")
        if len(self.input_shape) != 3 or not 1 <= self.size <= min(self.input_shape[1:]):
            raise ValueError(
                f"max_pool2d: windows of {self.size} on input_shape {self.input_shape}; input_shape must be "
                "(channels, y, x) and windows 1 to the smaller of y and x."
            )

    @property
    def output_shape(self) -> Shape:
        """(channel, y, x)."""
        channels, height, width = self.input_shape
        return (channels, height // self.size, width // self.size)

    @property
    def n_in(self) -> int:
        """Number of presynaptic units."""
        return int(np.prod(self.input_shape))

    @property
    def n_out(self) -> int:
        """Number of postsynaptic units."""
        return int(np.prod(self.output_shape))


@dataclasses.dataclass(frozen=True)
class Pick:
    """One of `n_each` spikes per output and step, drawn beforehand: I[j] = s[j·n_each + draw[t, j]].

    The latent of FSVAE (Kamata et al. 2021, arXiv 2110.00375): z[t, j] is one of k = 20 outputs, each equally
    likely. Draws are part of the stimulus, so that every simulator uses the same ones.

    Parameters
    ----------
    n_out, n_each : int
        Outputs, and candidates of each. Draws are 0 to n_each - 1.
    """

    n_out: int
    n_each: int
    kind: ClassVar[str] = "pick"

    def __post_init__(self) -> None:
        _check_whole(self, "n_out", "n_each")
        if self.n_out < 1 or self.n_each < 1:
            raise ValueError(
                f"pick: {self.n_out} outputs of {self.n_each} candidates; both must be at least 1."
            )

    @property
    def n_in(self) -> int:
        """Number of presynaptic units."""
        return self.n_out * self.n_each


@dataclasses.dataclass(frozen=True)
class Sparse:
    """Listed synapses: I[post[k]] += weight[k] s[pre[k]].

    For what has no kernel of its own: grouped and dilated convolutions, sums of maps, delay lines.

    Parameters
    ----------
    pre, post : int array, (synapse,)
        Units, 0 to n_in - 1 and n_out - 1. No pair twice.
    weight : array, (synapse,)
    n_in, n_out : int
    """

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    n_in: int
    n_out: int
    kind: ClassVar[str] = "sparse"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_array(self.weight, "sparse weight", 1))
        _check_whole(self, "n_in", "n_out")
        for name, size in (("pre", self.n_in), ("post", self.n_out)):
            index = frozen_array(getattr(self, name), f"sparse {name}", 1)
            if len(index) != len(self.weight):
                raise ValueError(f"sparse: {len(index)} {name} units for {len(self.weight)} weights.")
            if ((index < 0) | (index >= size) | (index % 1 != 0)).any():
                raise ValueError(f"sparse: {name} holds other numbers than units 0 to {size - 1}.")
            index = index.astype(np.int64)
            index.flags.writeable = False
            object.__setattr__(self, name, index)
        if len(np.unique(self.pre * self.n_out + self.post)) < len(self.weight):
            raise ValueError("sparse: a pair of units is joined twice; add the weights.")


def _check_whole(connection: Connection, *names: str) -> None:
    for name in names:
        number = whole_number(getattr(connection, name), f"{name} of {connection.kind}")
        object.__setattr__(connection, name, number)


def _check_spatial(conv: Conv2d | ConvTranspose2d, channel_axis: int) -> None:
    object.__setattr__(conv, "weight", frozen_array(conv.weight, f"{conv.kind} weight", 4))
    object.__setattr__(conv, "input_shape", checked_shape(conv.input_shape, "input_shape"))
    _check_whole(conv, "stride", "padding")
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


Weighted = Dense | Conv2d | ConvTranspose2d | Sparse
Connection = Weighted | MaxPool2d | Pick

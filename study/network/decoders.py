"""Decoders: how what a generator's readout does over time becomes one image.

S[t] is the readout's output. `FirstSpikeTime` and `SpikeRate` take a readout that spikes. Others without a field `activation` work on frames X[t] = sigmoid(S[t]). With one,
it says where the nonlinearity stands, for a decoder that sums with weights a:

    "sigmoid_frames"   image = Σ_t a[t] sigmoid(S[t])
    "sigmoid_sum"      image = sigmoid(Σ_t a[t] S[t])
    "tanh_sum"         image = (tanh(Σ_t a[t] S[t]) + 1) / 2, for networks trained on images in [-1, 1]
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from study.commands import unknown
from study.network.arrays import frozen_array

ACTIVATIONS = ("sigmoid_frames", "sigmoid_sum", "tanh_sum")


@dataclasses.dataclass(frozen=True)
class LastFrame:
    """image = X[T]."""

    kind: ClassVar[str] = "last"


@dataclasses.dataclass(frozen=True)
class MeanFrames:
    """image = Σ_t X[t] / T."""

    kind: ClassVar[str] = "mean"


@dataclasses.dataclass(frozen=True)
class WeightedSum:
    """Fixed weights over time, a[t] = weights[t] (axis and equations above).

    FSVAE's output (Kamata et al. 2021, arXiv 2110.00375) is `WeightedSum.decaying(T, 0.8, "tanh_sum")`, the last
    membrane of a leaky integrator. Learned static weights are the control of temporal attention.

    Parameters
    ----------
    weights : array, (T,)
    activation : "sigmoid_frames", "sigmoid_sum" or "tanh_sum"
    """

    weights: np.ndarray
    activation: str = "tanh_sum"
    kind: ClassVar[str] = "weighted_sum"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen_array(self.weights, "weighted_sum weights", 1))
        _check_activation(self.activation)

    @classmethod
    def decaying(
        cls, n_steps: int, decay: float, activation: str = "tanh_sum", gain: float = 1.0
    ) -> WeightedSum:
        """Return the decoder with weights gain · decay^(T - t), t = 1 to T."""
        return cls(gain * decay ** np.arange(n_steps - 1, -1, -1.0), activation)


@dataclasses.dataclass(frozen=True)
class TemporalAttention:
    """Temporal attention image decoding, TAID (Qiu et al. 2023, arXiv 2406.03046; equations from their code).

    s[t, c] = mean over y, x of S[t, c, y, x];   a[t, c] = sigmoid(Σ_t' weight[t, t'] s[t', c]);
    the sum over t of a[t, c] S[t, c, y, x] goes through the activation as above. With "sigmoid_frames" the means are
    those of the frames.

    Parameters
    ----------
    weight : array, (T, T)
    n_channels : int
        Channels of the readout.
    activation : "sigmoid_frames", "sigmoid_sum" or "tanh_sum"
    """

    weight: np.ndarray
    n_channels: int = 1
    activation: str = "tanh_sum"
    kind: ClassVar[str] = "temporal_attention"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_array(self.weight, "temporal_attention weight", 2))
        if self.n_channels < 1:
            raise ValueError(f"temporal_attention: {self.n_channels} channels; at least 1 is needed.")
        _check_activation(self.activation)


@dataclasses.dataclass(frozen=True)
class FirstSpikeTime:
    """Pixel from the time of its unit's first spike: image = 1 - (t - first_step) / (T - first_step), silent = 0.

    t counts from 0, so a pixel is 1 that fires at `first_step`, and at least 1/(T - first_step) if it fires at all:
    the inverse of the input code `first_spike`.

    Parameters
    ----------
    first_step : int
        Earliest step at which the readout can fire: 0 without latency, the number of layers with latency 1.
    """

    first_step: int = 0
    kind: ClassVar[str] = "first_spike_time"
    takes_spikes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.first_step < 0:
            raise ValueError(f"first_spike_time: first_step is {self.first_step}; at least 0 is needed.")


@dataclasses.dataclass(frozen=True)
class SpikeRate:
    """Pixel from how often its unit fired: image = Σ_t S[t] / T of a readout that spikes."""

    kind: ClassVar[str] = "spike_rate"
    takes_spikes: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class AttentionScoring:
    """Attention scoring decoding (Feng et al. 2023, arXiv 2305.10246; equations from their released code).

    V[1] = X[1]; for t > 1, with q = W_q φ(query) + b_q and k_• = W_k φ(•) + b_k on flattened images,
    (a_V, a_X) = softmax([q·k_V, q·k_X] / √d), V[t] = a_V V[t-1] + a_X X[t]; image = V[T].
    The query is V[t-1] in the released code, X[t] in the paper's figure. φ(x) = x, or, as released for colour images,
    φ(x) = max(0, W_f x + b_f).

    Parameters
    ----------
    weight_query, weight_key : array, (d, n), n pixels or n features
    bias_query, bias_key : array, (d,)
    query : "previous" (V[t-1], the code) or "current" (X[t], the figure)
    weight_features : array, (n_features, n_pixels), optional
    bias_features : array, (n_features,), optional
    """

    weight_query: np.ndarray
    bias_query: np.ndarray
    weight_key: np.ndarray
    bias_key: np.ndarray
    query: str = "previous"
    weight_features: np.ndarray | None = None
    bias_features: np.ndarray | None = None
    kind: ClassVar[str] = "attention"

    @property
    def n_pixels(self) -> int:
        """Pixels of the images that it takes."""
        first = self.weight_query if self.weight_features is None else self.weight_features
        return int(first.shape[1])

    def __post_init__(self) -> None:
        names = {"weight_query": 2, "bias_query": 1, "weight_key": 2, "bias_key": 1}
        features = self.weight_features, self.bias_features
        if any(array is not None for array in features):
            names |= {"weight_features": 2, "bias_features": 1}
        for name, ndim in names.items():
            if getattr(self, name) is None:
                raise ValueError(f"attention: {name} is missing; features need a weight and a bias.")
            object.__setattr__(self, name, frozen_array(getattr(self, name), f"attention {name}", ndim))
        shapes = {self.weight_query.shape, self.weight_key.shape}
        widths = {self.weight_query.shape[0], *self.bias_query.shape, *self.bias_key.shape}
        if len(shapes) > 1 or len(widths) > 1:
            raise ValueError(
                f"attention: weights {self.weight_query.shape} and {self.weight_key.shape}, biases "
                f"{self.bias_query.shape} and {self.bias_key.shape}; (d, n_pixels) twice and (d,) twice are needed."
            )
        if self.weight_features is not None and self.bias_features is not None:
            n = self.weight_query.shape[1]
            if (self.weight_features.shape[0], *self.bias_features.shape) != (n, n):
                raise ValueError(
                    f"attention: features of weight {self.weight_features.shape} and bias {self.bias_features.shape} for "
                    f"weights {self.weight_query.shape}; ({n}, n_pixels) and ({n},) are needed."
                )
        if self.query not in ("previous", "current"):
            raise unknown("attention query", self.query, ("previous", "current"))


def _check_activation(activation: str) -> None:
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS)


Decoder = (
    LastFrame | MeanFrames | WeightedSum | TemporalAttention | FirstSpikeTime | SpikeRate | AttentionScoring
)

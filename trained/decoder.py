"""Decoders: how a generator's frames, one per step, become one image. Equations in `study.network`."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from study import network as spec
from study.commands import unknown

ATTENTION_WIDTH = 256  # d of SGAD's released scorer (AttentionScoring_1)

Frames = Float[Tensor, "time batch *pixel"]
Image = Float[Tensor, " batch *pixel"]


class AbstractDecoder(nn.Module, abc.ABC):
    """From frames (time, batch, ...) to images (batch, ...), with a description to export.

    `activation` says where the nonlinearity stands, as in `study.network`: frames are sigmoids of the readout, or the
    decoder works on the readout itself and a sigmoid or tanh follows, or, of a readout that spikes, "none".
    """

    activation: str = "sigmoid_frames"

    @abc.abstractmethod
    def forward(self, frames: Frames) -> Image:
        """Return the decoded images."""

    def decode(self, readout: Frames) -> Image:
        """Return the images, in [0, 1], of a readout that has not been through the nonlinearity."""
        if self.activation == "sigmoid_frames":
            return self(torch.sigmoid(readout))
        if self.activation == "none":
            return self(readout)
        if self.activation == "sigmoid_sum":
            return torch.sigmoid(self(readout))
        return (torch.tanh(self(readout)) + 1) / 2

    @abc.abstractmethod
    def export(self) -> spec.Decoder:
        """Return the description that `bio` reads."""


class LastFrame(AbstractDecoder):
    """image = X[T]."""

    def forward(self, frames: Frames) -> Image:
        """Return the last frame."""
        return frames[-1]

    def export(self) -> spec.Decoder:
        """Return the description."""
        return spec.LastFrame()


class MeanFrames(AbstractDecoder):
    """image = mean over t of X[t]."""

    def forward(self, frames: Frames) -> Image:
        """Return the mean frame."""
        return frames.mean(0)

    def export(self) -> spec.Decoder:
        """Return the description."""
        return spec.MeanFrames()


class SpikeRate(AbstractDecoder):
    """image = mean over t of spikes."""

    activation = "none"

    def forward(self, frames: Frames) -> Image:
        """Return the share of steps with a spike."""
        return frames.mean(0)

    def export(self) -> spec.Decoder:
        """Return the description."""
        return spec.SpikeRate()


class AttentionScoring(AbstractDecoder):
    """Attention scoring decoding of SGAD; the weight of each new frame is kept in `frame_weight`.

    Parameters
    ----------
    n_pixels : int
    query : "previous" or "current"
        V[t-1], as in the released code, or X[t], as in the paper's figure.
    n_features : int
        Units of a linear map with a ReLU before keys and queries; 0 is none, as released for gray images.
    """

    frame_weight: Tensor  # (time - 1, batch): a_X, the direct measure of temporal inconsistency

    def __init__(self, n_pixels: int, query: str = "previous", n_features: int = 0):
        super().__init__()
        self.features = nn.Linear(n_pixels, n_features) if n_features else None
        self.query = nn.Linear(n_features or n_pixels, ATTENTION_WIDTH)
        self.key = nn.Linear(n_features or n_pixels, ATTENTION_WIDTH)
        self.query_from = query

    def forward(self, frames: Frames) -> Image:
        """Return V[T] of V[t] = a_V V[t-1] + a_X X[t]."""
        x = frames.flatten(2)
        keys, queries = self._scored(x)
        value, key, query = x[0], keys[0], queries[0]
        weights = []
        for t in range(1, len(x)):
            asking = query if self.query_from == "previous" else queries[t]
            scores = torch.stack([(asking * key).sum(-1), (asking * keys[t]).sum(-1)])
            a_v, a_x = torch.softmax(scores / ATTENTION_WIDTH**0.5, dim=0).unsqueeze(-1)
            value, key, query = (
                a_v * old + a_x * new[t] for old, new in ((value, x), (key, keys), (query, queries))
            )
            if self.features is not None:  # else keys and queries are linear, and those of V follow
                key, query = self._scored(value)
            weights.append(a_x.detach().squeeze(-1))
        self.frame_weight = torch.stack(weights) if weights else x.new_zeros(0, x.shape[1])
        return value.reshape(frames.shape[1:])

    def _scored(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and queries of flattened images."""
        seen = x if self.features is None else torch.relu(self.features(x))
        return self.key(seen), self.query(seen)

    def export(self) -> spec.Decoder:
        """Return the description with its weights."""
        return spec.AttentionScoring(
            weight_query=_array(self.query.weight),
            bias_query=_array(self.query.bias),
            weight_key=_array(self.key.weight),
            bias_key=_array(self.key.bias),
            query=self.query_from,
            weight_features=None if self.features is None else _array(self.features.weight),
            bias_features=None if self.features is None else _array(self.features.bias),
        )


FSVAE_DECAY = 0.8  # per step, of FSVAE's output membrane
SGAD_KEPT = 0.5  # share of the membrane that a readout of tau = 2 keeps per step: weights 2^-(T - t + 1)
TAID_GATE = 0.5  # where TAID's gates begin


class StaticSum(AbstractDecoder):
    """image = Σ_t a[t] X[t] with weights that are the same for every image.

    Parameters
    ----------
    weights : Tensor, (T,)
        0.8^(T - t) is FSVAE's output (Kamata et al. 2021), the last membrane of a leaky integrator that never fires.
    learned : bool
        Whether training changes them: temporal weighting without attention, the control of TAID.
    activation : str
        See `AbstractDecoder`.
    """

    def __init__(self, weights: Tensor, learned: bool, activation: str):
        super().__init__()
        self.weights = nn.Parameter(weights, requires_grad=learned)
        self.activation = activation

    def forward(self, frames: Frames) -> Image:
        """Return the weighted sum."""
        return torch.einsum("t,tb...->b...", self.weights, frames)

    def export(self) -> spec.Decoder:
        """Return the description with its weights."""
        return spec.WeightedSum(_array(self.weights), self.activation)


class TemporalAttention(AbstractDecoder):
    """TAID (Qiu et al. 2023): weights over time that depend on the image, from its mean over space at every step.

    As in the released code, s[t, c] = mean over y, x of X[t, c]; a[t, c] = sigmoid(Σ_t' W[t, t'] s[t', c]);
    image = Σ_t a[t, c] X[t, c]. As in the paper's figure, s and a are shared by all channels, two linear maps with a
    ReLU between them (T hidden units, a number of ours) take the place of W, and the sum is an average.

    Parameters
    ----------
    n_steps : int
    n_channels : int
    activation : str
        See `AbstractDecoder`.
    form : "code" or "paper"
    """

    def __init__(self, n_steps: int, n_channels: int, activation: str, form: str = "code"):
        super().__init__()
        self.n_channels, self.activation, self.form = n_channels, activation, form
        self.squeeze = nn.Linear(n_steps, n_steps, bias=False) if form == "paper" else nn.Identity()
        self.excite = nn.Linear(n_steps, n_steps, bias=False)

    def gates(self, frames: Frames) -> Float[Tensor, "time batch channel"]:
        """Return a[t, c] of every image."""
        channels = frames.unflatten(2, (self.n_channels, -1)) if frames.ndim == 3 else frames
        s = channels.flatten(3).mean(3).permute(1, 2, 0)
        if self.form == "paper":
            s = torch.relu(self.squeeze(s.mean(1, keepdim=True))).expand(-1, self.n_channels, -1)
        return torch.sigmoid(self.excite(s)).permute(2, 0, 1)

    def forward(self, frames: Frames) -> Image:
        """Return the gated sum, or mean."""
        channels = frames.unflatten(2, (self.n_channels, -1)) if frames.ndim == 3 else frames
        image = torch.einsum("tbc,tbc...->bc...", self.gates(frames), channels).reshape(frames.shape[1:])
        return image / len(frames) if self.form == "paper" else image

    def export(self) -> spec.Decoder:
        """Return the description with its weights.

        Raises
        ------
        ValueError
            For the paper's form, which `bio` cannot read.
        """
        if self.form == "paper":
            raise ValueError(
                "decoder 'taid-paper' cannot be exported; train with decoder=taid to simulate it."
            )
        return spec.TemporalAttention(_array(self.excite.weight), self.n_channels, self.activation)


def _array(parameter: Tensor) -> np.ndarray:
    return parameter.detach().double().numpy()


@dataclasses.dataclass(frozen=True)
class Readout:
    """What a decoder has to know of the frames that it gets.

    Parameters
    ----------
    n_pixels : int
        Of one frame, all channels.
    n_steps, n_channels : int
    activation : str
        See `AbstractDecoder`; decoders with weights of their own over time obey it, the others take sigmoid frames.
    n_features : int
        Of `AttentionScoring`.
    """

    n_pixels: int
    n_steps: int = 1
    n_channels: int = 1
    activation: str = "sigmoid_frames"
    n_features: int = 0


def _decaying(r: Readout) -> AbstractDecoder:
    return StaticSum(FSVAE_DECAY ** torch.arange(r.n_steps - 1, -1, -1.0), False, r.activation)


def _leaky(r: Readout) -> AbstractDecoder:
    return StaticSum(SGAD_KEPT ** torch.arange(r.n_steps, 0, -1.0), False, r.activation)


def _uniform(r: Readout) -> AbstractDecoder:
    return StaticSum(torch.full((r.n_steps,), 1 / r.n_steps), False, r.activation)


def _learned(r: Readout) -> AbstractDecoder:
    return StaticSum(torch.full((r.n_steps,), TAID_GATE), True, r.activation)


DECODERS: dict[str, Callable[[Readout], AbstractDecoder]] = {
    "last": lambda r: LastFrame(),
    "mean": lambda r: MeanFrames(),
    "rate": lambda r: SpikeRate(),
    "attention": lambda r: AttentionScoring(r.n_pixels, n_features=r.n_features),
    "attention-current": lambda r: AttentionScoring(r.n_pixels, "current", r.n_features),
    "decaying-sum": _decaying,
    "leaky-sum": _leaky,
    "uniform-sum": _uniform,
    "learned-sum": _learned,
    "taid": lambda r: TemporalAttention(r.n_steps, r.n_channels, r.activation),
    "taid-paper": lambda r: TemporalAttention(r.n_steps, r.n_channels, r.activation, "paper"),
}
# Those that weight a readout over time, whatever nonlinearity follows.
SUMMING = ("decaying-sum", "leaky-sum", "uniform-sum", "learned-sum", "taid", "taid-paper")


def build_decoder(name: str, n_pixels: int, **readout: Any) -> AbstractDecoder:
    """Return the decoder called `name` for images of `n_pixels`; further keywords are the fields of `Readout`.

    Raises
    ------
    ValueError
        If there is no such decoder.
    """
    if name not in DECODERS:
        raise unknown("decoder", name, DECODERS)
    return DECODERS[name](Readout(n_pixels, **readout))

"""Decoders: how a generator's frames, one per step, become one image. Equations in `study.network`."""

from __future__ import annotations

import abc
from collections.abc import Callable

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
    """From frames (time, batch, ...) to images (batch, ...), with a description to export."""

    @abc.abstractmethod
    def forward(self, frames: Frames) -> Image:
        """Return the decoded images."""

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


class AttentionScoring(AbstractDecoder):
    """Attention scoring decoding of SGAD; the weight of each new frame is kept in `frame_weight`.

    Parameters
    ----------
    n_pixels : int
    query : "previous" or "current"
        V[t-1], as in the released code, or X[t], as in the paper's figure.
    """

    frame_weight: Tensor  # (time - 1, batch): a_X, the direct measure of temporal inconsistency

    def __init__(self, n_pixels: int, query: str = "previous"):
        super().__init__()
        self.query = nn.Linear(n_pixels, ATTENTION_WIDTH)
        self.key = nn.Linear(n_pixels, ATTENTION_WIDTH)
        self.query_from = query

    def forward(self, frames: Frames) -> Image:
        """Return V[T] of V[t] = a_V V[t-1] + a_X X[t]."""
        x = frames.flatten(2)
        # Keys and queries are linear, so those of V follow from those of the frames: no product per step.
        keys, queries = self.key(x), self.query(x)
        value, key, query = x[0], keys[0], queries[0]
        weights = []
        for t in range(1, len(x)):
            asking = query if self.query_from == "previous" else queries[t]
            scores = torch.stack([(asking * key).sum(-1), (asking * keys[t]).sum(-1)])
            a_v, a_x = torch.softmax(scores / ATTENTION_WIDTH**0.5, dim=0).unsqueeze(-1)
            value, key, query = (
                a_v * old + a_x * new[t] for old, new in ((value, x), (key, keys), (query, queries))
            )
            weights.append(a_x.detach().squeeze(-1))
        self.frame_weight = torch.stack(weights) if weights else x.new_zeros(0, x.shape[1])
        return value.reshape(frames.shape[1:])

    def export(self) -> spec.Decoder:
        """Return the description with its weights."""
        return spec.AttentionScoring(
            weight_query=_array(self.query.weight),
            bias_query=_array(self.query.bias),
            weight_key=_array(self.key.weight),
            bias_key=_array(self.key.bias),
            query=self.query_from,
        )


def _array(parameter: Tensor) -> np.ndarray:
    return parameter.detach().double().numpy()


DECODERS: dict[str, Callable[[int], AbstractDecoder]] = {
    "last": lambda n_pixels: LastFrame(),
    "mean": lambda n_pixels: MeanFrames(),
    "attention": AttentionScoring,
    "attention-current": lambda n_pixels: AttentionScoring(n_pixels, query="current"),
}


def build_decoder(name: str, n_pixels: int) -> AbstractDecoder:
    """Return the decoder called `name` for images of `n_pixels`.

    Raises
    ------
    ValueError
        If there is no such decoder.
    """
    if name not in DECODERS:
        raise unknown("decoder", name, DECODERS)
    return DECODERS[name](n_pixels)

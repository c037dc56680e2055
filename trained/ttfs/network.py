"""Layers of units that fire at most once: spike times in, spike times out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from study import network as spec
from study.network import first_spike_steps
from trained.model import Trace
from trained.ttfs.neuron import FirstSpikeRule, first_spikes
from trained.ttfs.objective import unit_length_gradient

# Trained weights are rounded to so many significant bits of the layer's largest, as float16 has: stored in half precision
# without loss, and sums of them are exact in float32 whatever their order.
BITS = 11


class FirstSpikeNetwork(nn.Module):
    """A chain of dense layers without bias.

    Parameters
    ----------
    role : "classifier" or "generator"
    shapes : sequence of tuple of int
        Of the input and of every layer.
    weights : sequence of Tensor, (n_in, n_out)
        Initial weights.
    rules : sequence of FirstSpikeRule
        One per layer.
    decoder : study.network.FirstSpikeTime, optional
    """

    def __init__(
        self,
        role: str,
        shapes: Sequence[spec.Shape],
        weights: Sequence[Tensor],
        rules: Sequence[FirstSpikeRule],
        decoder: spec.FirstSpikeTime | None = None,
    ):
        super().__init__()
        self.role, self.shapes, self.rules = role, tuple(shapes), tuple(rules)
        self.weights = nn.ParameterList(weights)
        self.decoder = decoder

    @property
    def t_max(self) -> int:
        """Steps of the window."""
        return self.rules[0].t_max

    def forward(
        self, times: Float[Tensor, "batch n_in"], strength: Float[Tensor, "batch 1"] | None = None
    ) -> list[Tensor]:
        """Return the spike times of every layer, (batch, unit) each.

        With `strength`, every sample's gradient has this length in every layer, see `unit_length_gradient`.
        """
        found: list[Tensor] = []
        for weight, rule in zip(self.weights, self.rules, strict=True):
            times = first_spikes(times, weight, rule)
            if strength is not None:
                times = unit_length_gradient(times, strength)
            found.append(times)
        return found

    def encode(self, values: Float[Tensor, " batch *unit"]) -> Float[Tensor, "batch n_in"]:
        """Return spike times of values in [0, 1]: floor((1 - x) t_max), so 0 is silent."""
        steps = first_spike_steps(values.double().numpy(), self.t_max)
        return torch.from_numpy(steps).flatten(1).to(self.weights[0].dtype)

    def image(self, times: Float[Tensor, "batch unit"]) -> Float[Tensor, " batch *shape"]:
        """Return the image that the last layer's spike times stand for, in [0, 1]; differentiable."""
        if self.decoder is None:
            raise ValueError(f"the {self.role} makes no images; it has no decoder.")
        first = self.decoder.first_step
        return (1 - (times - first) / (self.t_max - first)).unflatten(1, self.shapes[-1])

    def round(self) -> None:
        """Round every layer's weights to a grid of its own, 2^-10 of the power of two above its largest weight."""
        with torch.no_grad():
            for weight in self.weights:
                largest = weight.abs().max().item()
                grid = 2.0 ** (np.ceil(np.log2(largest)) - BITS + 1) if largest else 1.0
                weight.copy_((weight / grid).round() * grid)

    def export(self, facts: Mapping[str, str], names: Sequence[str]) -> spec.Network:
        """Describe the network, in float64."""
        layers = [
            spec.Layer(
                name,
                shape,
                spec.Dense(weight.detach().double().t().numpy()),
                np.zeros(weight.shape[1]),
                spec.FirstSpike(rule.v_threshold, rule.threshold_rule),
            )
            for name, shape, weight, rule in zip(
                names, self.shapes[1:], self.weights, self.rules, strict=True
            )
        ]
        return spec.Network(
            role=self.role,
            input_shape=self.shapes[0],
            n_steps=self.t_max,
            layers=tuple(layers),
            decoder=self.decoder,
            provenance=facts,
            input="first_spike",
            latency=self.rules[0].latency,
            decision="earliest_spike" if self.role == "classifier" else None,
        )

    def trace(self, values: Tensor, names: Sequence[str]) -> Trace:
        """Return every layer's spikes, (time, batch, unit), and the image of a generator, for values in [0, 1]."""
        with torch.no_grad():
            times = self(self.encode(values))
        steps = np.arange(self.t_max)[:, None, None]
        outputs = {name: (t.numpy() == steps).astype(np.uint8) for name, t in zip(names, times, strict=True)}
        outputs["readout"] = outputs[names[-1]]
        if self.decoder is not None:
            outputs["image"] = self.image(times[-1]).flatten(1).numpy()
        return outputs

"""Spiking convolutional classifier with voters (PLIF, Fang et al. 2021; ALIF, Qiu et al. 2023)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study import network as spec
from study.commands import unknown
from study.network import LIF
from trained.classifier_config import ClassifierConfig
from trained.classifier_data import N_CLASSES, data_set
from trained.folding import export_network
from trained.max_pool import MaxPool
from trained.model import AbstractModel, Trace
from trained.network import Population, SpikingNetwork
from trained.neuron import Membrane
from trained.parallel import draw

KERNEL, PADDING = 3, 1
POOL = 2  # pixels
ROLES = ("classifier",)


class Classifier(SpikingNetwork):
    """Stages of convolutions 3x3 and pooling, a dense layer, and ten voters per class, all of spiking neurons.

    The image is a constant current through the first convolution. Convolutions have batch norm and no bias, dense
    layers neither. Pooling is of spikes.
    """

    def __init__(self, config: ClassifierConfig):
        data = data_set(config.dataset)
        c, side = config.n_channels, config.image_size
        shape: tuple[int, ...] = (data.n_channels, side, side)
        chain: list[Population | MaxPool] = []
        pooled = 1  # an average is taken by the layer that follows
        for stage, n in enumerate(config.stages, 1):
            for i in range(1, n + 1):
                after = (c, side, side)
                synapse = nn.Conv2d(shape[0], c, KERNEL, 1, PADDING, bias=False)
                chain.append(_population(config, f"conv{stage}x{i}", shape, after, synapse, True, pooled))
                shape, pooled = after, 1
            side //= POOL
            if config.pool == "max":
                chain.append(MaxPool(f"pool{stage}", shape, POOL))
                shape = (c, side, side)
            else:
                pooled = POOL
        n_flat, n_out = c * side * side, N_CLASSES * config.n_voters
        self.n_flat = n_flat
        hidden = (config.n_hidden,)
        dense, output = nn.Linear(n_flat, config.n_hidden, bias=False), nn.Linear(*hidden, n_out, bias=False)
        chain.append(_population(config, "dense", shape, hidden, dense, False, pooled))
        chain.append(_population(config, "voters", hidden, (n_out,), output, False))
        super().__init__("classifier", chain, config.n_steps)
        self.input_map, self.n_voters = data.input_map, config.n_voters
        self.dropout = dict(zip(("dense", "voters"), config.dropout, strict=True))

    def states(self, x: Tensor, random: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return every layer's spikes by name, (time, batch, *shape).

        Parameters
        ----------
        x : Tensor, (batch, channel, y, x), in [0, 1]
        random : torch.Generator, optional
            Of dropout, in training mode.
        """
        outputs: dict[str, Tensor] = {}
        s = self.input_map(x).unsqueeze(0)
        for layer in self.chain:
            share = self.dropout.get(layer.name, 0.0)
            if self.training and share:
                kept = draw(torch.rand, s.shape[1:], random) >= share  # the same at all steps
                s = s * (kept.to(s) / (1 - share))
            s = outputs[layer.name] = layer(s, self.n_steps)
        return outputs

    def forward(
        self, image: Float[Tensor, "batch channel y x"], random: torch.Generator | None = None
    ) -> Float[Tensor, "batch class"]:
        """Return the mean spike rate of each class's voters, 0 to 1 spikes per step."""
        voters = self.states(image, random)["voters"]
        return voters.mean(0).unflatten(1, (N_CLASSES, self.n_voters)).mean(2)


def _population(
    config: ClassifierConfig,
    name: str,
    before: tuple[int, ...],
    after: tuple[int, ...],
    synapse: nn.Conv2d | nn.Linear,
    norm: bool,
    pool: int = 1,
) -> Population:
    neuron = LIF(1 - 1 / config.tau, 1 / config.tau, config.v_threshold, threshold_rule=">=")
    population = Population(name, before, after, synapse, neuron, norm, pool)
    population.membrane = Membrane(
        neuron, learn_decay=config.neuron != "lif", learn_threshold=config.neuron == "alif"
    )
    return population


class ClassifierModel(AbstractModel):
    """A classifier as it was last, and as it was when it was best on the validation images: the latter is exported.

    Parameters
    ----------
    config : ClassifierConfig
    seed : int
        Of the initial weights. Drawn from torch's global generator, which is left as it was.
    """

    config: ClassifierConfig
    roles = ROLES
    validation_accuracy: Tensor
    selected_accuracy: Tensor
    selected_update: Tensor

    def __init__(self, config: ClassifierConfig, seed: int = 0):
        super().__init__(config, seed)
        data = data_set(config.dataset)
        if config.image_size != data.image_size:
            raise ValueError(
                f"image_size is {config.image_size}, but {config.dataset} has {data.image_size} pixels a side and is not resized."
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.classifier = Classifier(config)
        self.selected = Classifier(config).requires_grad_(False)
        self.selected.load_state_dict(self.classifier.state_dict())
        # Shares of the validation images: of the last measurement, and of the selected weights. -1 is never measured.
        self.register_buffer("validation_accuracy", torch.tensor(-1.0))
        self.register_buffer("selected_accuracy", torch.tensor(-1.0))
        self.register_buffer("selected_update", torch.tensor(0))

    def network(self, role: str) -> Classifier:
        """Return the network that is exported: the selected weights."""
        if role not in ROLES:
            raise unknown(f"network of {self.config.name}", role, ROLES)
        return self.selected

    def export(self, role: str, facts: Mapping[str, str]) -> spec.Network:
        """Describe one network; see `AbstractModel`."""
        network = self.network(role)
        description = export_network(network, facts, decision="spike_count")
        first = network.input_map.fold(description.layers[0])
        return dataclasses.replace(description, layers=(first, *description.layers[1:]))

    def trace(self, role: str, inputs: Tensor) -> Trace:
        """Run one network as it stands; see `AbstractModel`. The voters are the readout."""
        network = self.network(role)
        with torch.no_grad():
            states = network.states(inputs.to(next(network.parameters()).dtype))
        return {name: x.flatten(2).numpy() for name, x in states.items()}

    def verification_inputs(self, role: str, n: int, seed: int) -> Tensor:
        """Return training images that all differ; see `AbstractModel`."""
        images = torch.unique(data_set(self.config.dataset).load("train").images[: 4 * n], dim=0)
        if n > len(images):
            raise ValueError(
                f"{n} inputs are asked for, but there are {len(images)} distinct images; ask for fewer."
            )
        return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:n]]

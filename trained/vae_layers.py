"""Layers of the variational autoencoders: populations with FSVAE's neurons and norm, and a chain that goes step by step."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from study.network import LIF, Shape
from trained.analog import AnalogUnits
from trained.network import Population, Synapse
from trained.neuron import Membrane
from trained.scan_plain import charge, fires, reset
from trained.surrogate import Atan, Rectangle, Surrogate
from trained.vae_config import VAEConfig

DECAY, THRESHOLD = 0.25, 0.2  # FSVAE's `tau_decay` and `V_th`
FSVAE = LIF(decay=DECAY, gain=1.0, v_threshold=THRESHOLD)
# The same neuron with membrane and threshold in units that make the gain 1 - decay, from where leak and threshold are learned.
LEARNED = LIF(decay=DECAY, gain=1 - DECAY, v_threshold=(1 - DECAY) * THRESHOLD)
LEAK = 0.01  # slope of LeakyReLU below 0, torch's default


class Scaled(nn.Module):
    """A learned weight in units of `gain`.

    Threshold-dependent batch norm (tdBN, Zheng et al. 2021) multiplies the normalised current by α V_threshold and the
    learned weight, which begins at 1.
    """

    def __init__(self, gain: float):
        super().__init__()
        self.gain = gain

    def forward(self, weight: Tensor) -> Tensor:
        """Return what batch norm multiplies with."""
        return self.gain * weight


class LeakyUnits(AnalogUnits):
    """The analog twin's units (FSVAE's `ann_vae.py`): LeakyReLU of slope 0.01 below zero."""

    def forward(self, current: Tensor, n_steps: int | None = None) -> Tensor:
        """Return the units' values."""
        return nn.functional.leaky_relu(current, LEAK)


def hidden(
    config: VAEConfig, name: str, input_shape: Shape, shape: Shape, synapse: Synapse, alpha: float = 1.0
) -> Population:
    """Return one hidden layer.

    Parameters
    ----------
    config : VAEConfig
    name, input_shape, shape, synapse
        As in `trained.network.Population`.
    alpha : float
        Of tdBN: 1, and 2 in the prior and the posterior (FSVAE's code).
    """
    if not config.spiking:
        return Population(name, input_shape, shape, synapse, LeakyUnits())
    population = Population(name, input_shape, shape, synapse, FSVAE)
    population.membrane = membrane(config)
    assert population.norm is not None
    parametrize.register_parametrization(population.norm, "weight", Scaled(alpha * THRESHOLD))
    return population


def membrane(config: VAEConfig) -> Membrane:
    """Return FSVAE's neurons with the configuration's surrogate and learned constants; the reset passes gradient."""
    neuron = FSVAE if config.neuron == "lif" else LEARNED
    return Membrane(
        neuron,
        surrogate(config.surrogate, neuron.gain),
        detach_reset=False,
        learn_decay=config.neuron != "lif",
        learn_threshold=config.neuron == "alif",
    )


def surrogate(name: str, gain: float) -> Surrogate:
    """Return the surrogate called `name` for a membrane in units of `gain` (a window of the membrane scales with it)."""
    if name == "atan":
        return Atan()
    width, centre = (1.0, "zero") if name == "window-zero" else (0.2, "threshold")
    return Rectangle(width * gain, centre)


class DenseChain(nn.Module):
    """A chain of dense spiking layers that can also go one step at a time, its membranes handed from step to step.

    Parameters
    ----------
    populations : list of Population
        Dense, with batch norm, all spiking.
    """

    def __init__(self, populations: list[Population]):
        super().__init__()
        self.chain = populations
        self.populations = nn.ModuleList(populations)

    def forward(self, x: Float[Tensor, "time batch unit"]) -> Float[Tensor, "time batch unit"]:
        """Return the last layer's spikes at all steps."""
        return self.states(x)[self.chain[-1].name]

    def states(self, x: Float[Tensor, "time batch unit"]) -> dict[str, Tensor]:
        """Return every layer's spikes by name, (time, batch, unit)."""
        outputs: dict[str, Tensor] = {}
        for population in self.chain:
            x = outputs[population.name] = population(x, len(x))
        return outputs

    def stepper(self) -> Stepper:
        """Return a new sequence, membranes at 0."""
        return Stepper(self.chain)


class Stepper:
    """One sequence through dense spiking layers, step by step, with batch norm's running statistics folded in.

    Every step costs one step, where running the prefix anew costs all before it; the spikes are the same (tests).
    Carries no gradient.
    """

    def __init__(self, chain: list[Population]):
        self.layers = [(*_folded(population), _spiking(population)) for population in chain]
        self.v: list[Tensor | None] = [None] * len(chain)

    @torch.no_grad()
    def __call__(self, x: Float[Tensor, "batch unit"]) -> Float[Tensor, "batch unit"]:
        """Return the last layer's spikes at the next step."""
        for i, (weight, drive, neuron) in enumerate(self.layers):
            current = nn.functional.linear(x, weight, drive)
            v = self.v[i]
            h = charge(torch.zeros_like(current) if v is None else v, current, neuron)
            fired = fires(h, neuron)
            self.v[i] = reset(h, fired, neuron)
            x = fired.to(x.dtype)
        return x


def _spiking(population: Population) -> LIF:
    assert isinstance(population.membrane, Membrane)
    assert isinstance(population.membrane.neuron, LIF)
    return population.membrane.neuron


def _folded(population: Population) -> tuple[Tensor, Tensor]:
    synapse, norm = population.synapse, population.norm
    assert isinstance(synapse, nn.Linear)
    assert norm is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    weight = synapse.weight.detach() * scale.unsqueeze(1)
    return weight, scale * (synapse.bias - norm.running_mean).detach() + norm.bias.detach()

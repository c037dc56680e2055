"""One SGAD step on MNIST (batch 64, T 16, released sizes): ours against the same networks with other neurons.

    python benchmarks/train_step.py                  against the loop, in the project's environment
    PYTHONPATH=. .venv-peers/bin/python benchmarks/train_step.py       SpikingJelly too; benchmarks/peers.txt says how to make .venv-peers

A step is SGAD's: critic on real and generated images, RMSprop, then the generator through the critic. The others' networks have
the same weights, a neuron of theirs in every layer and torch's average pooling; the readout's integrator is a loop in both. In all of them
time is folded into the batch, and what is constant over the steps is computed once. Images are random numbers. Pages are kept.
Ends with an error if the losses of the first step differ by more than 1e-4 between ours and the loop. `--json FILE` keeps every time.

    python benchmarks/train_step.py --curves 100     the losses of 16-bit training beside those of float32, instead
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator

import torch
from neurons import hand_written, hand_written_integrator, installed, spikingjelly_node
from rounds import machine, measure, ratio, table, write_json
from torch import Tensor, nn

from study.network import LIF, LeakyIntegrator
from trained import network
from trained.gan_config import GanConfig
from trained.gan_configurations import CONFIGS
from trained.gan_network import GanModel
from trained.objective import objective
from trained.process import keep_pages, precision

GOALS = (
    ("ours", "hand-written loop", 3.0),
    ("ours", "SpikingJelly", 2.0),
    ("ours, bfloat16", "hand-written loop", 6.0),
)


class Neurons(nn.Module):
    """Somebody else's neurons in the place of a `Membrane`."""

    def __init__(self, neuron: object, node: nn.Module | None):
        super().__init__()
        self.neuron, self.node = neuron, node

    def forward(self, current: Tensor, n_steps: int | None = None) -> Tensor:
        """Return spikes, membrane or current at every step."""
        current = current.expand(n_steps or len(current), *current.shape[1:])
        if isinstance(self.neuron, LeakyIntegrator):
            return hand_written_integrator(current)
        if not isinstance(self.neuron, LIF):
            return current
        if self.node is None:
            return hand_written(current)
        self.node.reset()
        return self.node(current)


class Run:
    """A model, its optimisers and a stream of random numbers.

    Parameters
    ----------
    config : GanConfig
    neurons : "ours", "loop" or "spikingjelly"
    bits : str
        A name in `trained.process.PRECISIONS`.
    seed : int
    """

    def __init__(self, config: GanConfig, neurons: str = "ours", bits: str = "float32", seed: int = 0):
        self.config, self.bits, self.ours = config, bits, neurons == "ours"
        self.model = GanModel(config, seed).train()
        if not self.ours:
            for population in (*self.model.generator.chain, *self.model.critic.chain):
                node = spikingjelly_node() if neurons == "spikingjelly" else None
                population.membrane = Neurons(population.membrane.neuron, node)
        self.optimisers = [
            torch.optim.RMSprop(part.parameters(), lr=rate)
            for part, rate in (
                (self.model.critic, config.learning_rate_critic),
                (self.model.generator, config.learning_rate_generator),
            )
        ]
        self.random = torch.Generator().manual_seed(seed)

    def step(self, images: Tensor | None = None) -> tuple[float, float]:
        """Do one step on `images`, random ones if None, and return the losses of critic and generator."""
        config, critic, em = self.config, self.model.critic, objective("em")
        size = (config.batch_size, config.n_colours, config.image_size, config.image_size)
        real = torch.rand(size, generator=self.random) if images is None else images
        latent = torch.randn(config.batch_size, config.n_latent, generator=self.random)
        with self._setting():
            fake = self.model.generator(latent)
            critic_loss = em.critic(critic(real), critic(fake.detach()))
        self._descend(0, critic_loss)
        with self._setting():
            generator_loss = em.generator(critic(fake))
        self._descend(1, generator_loss)
        return critic_loss.item(), generator_loss.item()

    @contextlib.contextmanager
    def _setting(self) -> Iterator[None]:
        pool = network.average_pool
        network.average_pool = pool if self.ours else nn.functional.avg_pool2d
        try:
            with precision(self.bits):
                yield
        finally:
            network.average_pool = pool

    def _descend(self, index: int, loss: Tensor) -> None:
        self.optimisers[index].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers[index].step()


def check(config: GanConfig) -> float:
    """Return the largest difference between the losses of ours and of the loop; exit if it is too large."""
    ours, loop = (Run(config, neurons).step() for neurons in ("ours", "loop"))
    difference = max(abs(a - b) for a, b in zip(ours, loop, strict=True))
    if difference > 1e-4:
        sys.exit(f"losses of the first step differ: ours {ours}, loop {loop}")
    return difference


def times(config: GanConfig, n_rounds: int, path: str | None) -> None:
    """Measure and print."""
    print(f"{machine()}, pages kept; largest difference of a loss from the loop's: {check(config):.1e}")
    runs = {
        "ours": Run(config),
        "ours, bfloat16": Run(config, bits="bfloat16"),
        "hand-written loop": Run(config, "loop"),
        "hand-written loop, bfloat16": Run(config, "loop", "bfloat16"),
    }
    if installed("spikingjelly"):
        runs["SpikingJelly"] = Run(config, "spikingjelly")
        runs["SpikingJelly, bfloat16"] = Run(config, "spikingjelly", "bfloat16")
    works: dict[str, Callable[[], object]] = {name: run.step for name, run in runs.items()}
    measured = measure(works, n_rounds)
    print("\n".join(table(measured, ("ours", "ours, bfloat16"))))
    for name, other, goal in GOALS:
        if other in measured:
            print(f"{other} / {name}: {ratio(measured, other, name):.2f} (goal: at least {goal:g})")
    if path:
        write_json(path, {"machine": machine(), "times": measured})


def curves(n_updates: int, path: str | None) -> None:
    """Train the quick digits with both precisions and three seeds; print the losses averaged over tenths of the training."""
    from trained.data import training_images

    config = next(c for c in CONFIGS if c.name == "quick-digits/sgad")
    images = training_images(config)
    kept = {}
    for bits in ("float32", "bfloat16"):
        for seed in range(3):
            run = Run(config, bits=bits, seed=seed)
            losses = []
            for _ in range(n_updates):
                chosen = torch.randint(len(images), (config.batch_size,), generator=run.random)
                losses.append(run.step(images[chosen])[0])
            kept[f"{bits} seed {seed}"] = losses
            means = torch.tensor(losses).chunk(10)
            print(f"critic loss, {bits:8} seed {seed}: " + " ".join(f"{m.mean().item():7.4f}" for m in means))
    if path:
        write_json(path, {"machine": machine(), "losses": kept})


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--curves", type=int, metavar="UPDATES", help="compare losses of both precisions instead"
    )
    parser.add_argument("--json", metavar="FILE", help="write every number to FILE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_pages()
    if options.curves:
        curves(options.curves, options.json)
        return
    times(next(c for c in CONFIGS if c.name == "mnist/sgad"), options.rounds, options.json)


if __name__ == "__main__":
    main()

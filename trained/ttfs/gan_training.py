"""Training of the GAN: two races, one after the other, down the temporal rule."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from trained.batches import Epochs
from trained.schedule import set_rate
from trained.training import AbstractTrainer
from trained.ttfs.data import load
from trained.ttfs.gan import TTFSGan
from trained.ttfs.gan_config import TTFSGanConfig
from trained.ttfs.training import SHARED


class TTFSGanTrainer(AbstractTrainer):
    """Cross entropy of the race -t / race_steps; in one update the discriminator learns, then the generator."""

    decisive = (
        "trained/batches.py",
        "trained/schedule.py",
        *(f"trained/ttfs/{name}.py" for name in (*SHARED, "data", "gan", "gan_config", "gan_training")),
    )
    config: TTFSGanConfig
    model: TTFSGan

    def __init__(self, config: TTFSGanConfig, seed: int):
        super().__init__(config, seed)
        self.model = TTFSGan(config, seed)
        self.digits = load(config.dataset, "train", config.t_max)
        self.epochs = Epochs(len(self.digits.labels), config.batch_size, seed)
        rates = {
            "generator": config.learning_rate_generator,
            "discriminator": config.learning_rate_discriminator,
        }
        self.optimisers = {
            name: torch.optim.Adam(getattr(self.model, name).parameters(), lr=rate, betas=(0.5, 0.999))
            for name, rate in rates.items()
        }

    def advance(self) -> dict[str, float]:
        """Do one update of each network; return their losses and the share of made images that pass as real."""
        config, model = self.config, self.model
        for optimiser in self.optimisers.values():
            set_rate(optimiser, max(0.0, 1 - self.update / config.decay_updates))
        batch = self.epochs.batch(self.update)
        real, label = self.digits.times[batch].to(torch.float32), self.digits.labels[batch]
        values, wanted = model.inputs(config.batch_size, self.random)
        made = model.pixels(values)
        as_made = torch.full_like(wanted, model.made)
        as_real = label if config.conditional else torch.zeros_like(label)
        both = torch.cat([real, made.detach()])
        loss = self._race(model.discriminator(both)[-1], torch.cat([as_real, as_made]))
        self.descend("discriminator", loss, "discriminator loss")
        output = model.discriminator(made)[-1]
        generator_loss = self._race(output, wanted)
        self.descend("generator", generator_loss, "generator loss")
        self.update += 1
        return {
            "discriminator_loss": loss.item(),
            "generator_loss": generator_loss.item(),
            "passed": (output.argmin(1) == wanted).float().mean().item(),
            "lit": (made < config.t_max).float().mean().item(),
        }

    def _race(self, times: Tensor, winner: Tensor) -> Tensor:
        return functional.cross_entropy(-times / self.config.race_steps, winner)

    def finished(self) -> TTFSGan:
        """Return a copy with rounded weights; see `FirstSpikeNetwork.round`."""
        model = TTFSGan(self.config, self.seed)
        model.load_state_dict(self.model.state_dict())
        model.generator.round()
        model.discriminator.round()
        return model.eval()

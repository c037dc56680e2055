"""Training of the classifier by temporal backpropagation and plain gradient descent."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from trained.batches import Epochs
from trained.schedule import set_rate
from trained.training import AbstractTrainer
from trained.ttfs.classifier import TTFSClassifier
from trained.ttfs.config import TTFSClassifierConfig
from trained.ttfs.data import load, moved
from trained.ttfs.objective import OBJECTIVES, gradient_lengths, late, squared, targets

SHARED = ("config", "kernel", "network", "neuron", "objective")


class TTFSClassifierTrainer(AbstractTrainer):
    """Gradients summed over a batch, as if every image had been an update of its own."""

    decisive = (
        "trained/batches.py",
        "trained/schedule.py",
        *(f"trained/ttfs/{name}.py" for name in (*SHARED, "classifier", "data", "training")),
    )
    draws_sheet: ClassVar[bool] = False
    config: TTFSClassifierConfig
    model: TTFSClassifier

    def __init__(self, config: TTFSClassifierConfig, seed: int):
        super().__init__(config, seed)
        self.model = TTFSClassifier(config, seed)
        self.digits = load(config.dataset, "train", config.t_max, config.n_validation)
        self.epochs = Epochs(len(self.digits.labels), config.batch_size, seed)
        rates = config.learning_rate_hidden, config.learning_rate_output
        groups = [{"params": [w], "lr": r} for w, r in zip(self.model.network.weights, rates, strict=True)]
        # Gradients are summed over a batch, and so is the decay.
        self.optimisers = {
            "all": torch.optim.SGD(groups, weight_decay=config.weight_decay * config.batch_size)
        }

    def advance(self) -> dict[str, float]:
        """Do one update; return the loss per image and the mean step of the decision."""
        config = self.config
        set_rate(self.optimisers["all"], max(0.0, 1 - self.update / config.decay_updates))
        batch = self.epochs.batch(self.update)
        times, label = self.digits.times[batch], self.digits.labels[batch]
        if config.shift:
            random = torch.Generator().manual_seed(self.seed * 2**32 + self.update)
            times = moved(times, config.shift, config.t_max, random)
        times = times.to(torch.float32)
        strength = torch.ones(len(batch), 1) if config.normalise else None
        hidden, output = self.model.network(times, strength)
        wanted = self._wanted(config.objective, output.detach(), label)
        modest = self._wanted("s4nn", output.detach(), label)
        if strength is not None:
            strength.copy_(self._lengths(output.detach(), modest))
        loss = squared(output, wanted, config.t_max)
        decision = output.detach().amin(1, keepdim=True)
        if config.late_weight:
            won = (modest == output.detach()).all(1, keepdim=True)
            counted = won if config.late_if_won else torch.ones_like(won)
            loss = loss + config.late_weight * late(hidden, decision, config.t_max, counted)
        self.descend("all", loss, "temporal loss")
        self.update += 1
        return {"loss": loss.item() / len(batch), "decision_step": decision.mean().item()}

    def _wanted(self, objective: str, output: Tensor, label: Tensor) -> Tensor:
        config = self.config
        return targets(output, label, OBJECTIVES[objective], config.t_max, config.margin, config.advance)

    def _lengths(self, output: Tensor, modest: Tensor) -> Tensor:
        config = self.config
        unit = config.margin if config.graded else 0
        return gradient_lengths(
            output, modest, config.t_max, unit, config.undecided_weight, config.won_weight
        )

    def finished(self) -> TTFSClassifier:
        """Return a copy with rounded weights; see `FirstSpikeNetwork.round`."""
        model = TTFSClassifier(self.config, self.seed)
        model.load_state_dict(self.model.state_dict())
        model.network.round()
        return model.eval()

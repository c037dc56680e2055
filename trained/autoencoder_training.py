"""Training of the autoencoder: reconstruction alone."""

from __future__ import annotations

import torch
from torch import nn

from trained.autoencoder import Autoencoder
from trained.autoencoder_config import AutoencoderConfig
from trained.batches import Epochs
from trained.data import mirrored, training_images
from trained.process import precision
from trained.schedule import cosine, set_rate
from trained.training import AbstractTrainer


class AutoencoderTrainer(AbstractTrainer):
    """AdamW on the mean squared error of images in [-1, 1]."""

    decisive = tuple(
        f"trained/{name}.py"
        for name in (
            "autoencoder",
            "autoencoder_config",
            "autoencoder_training",
            "batches",
            "fad",
            "schedule",
        )
    )
    draws_sheet = False
    config: AutoencoderConfig
    model: Autoencoder

    def __init__(self, config: AutoencoderConfig, seed: int):
        super().__init__(config, seed)
        self.model = Autoencoder(config, seed)
        self.images = training_images(config)
        self.epochs = Epochs(len(self.images), config.batch_size, seed)
        rate, decay = config.learning_rate, config.weight_decay
        self.optimisers = {"all": torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay)}

    def advance(self) -> dict[str, float]:
        """Do one update and return its error."""
        self.model.train()
        set_rate(self.optimisers["all"], cosine(self.update, self.config.cosine_updates))
        images = self.images[self.epochs.batch(self.update)]
        if self.config.mirror:
            images = mirrored(images, self.random)
        with precision(self.config.precision):
            made = self.model(images)
        error = 4 * nn.functional.mse_loss(made.float(), images)  # of images in [-1, 1]
        self.descend("all", error, "reconstruction error")
        self.update += 1
        return {"mse": error.item()}

    def finished(self) -> Autoencoder:
        """Return a copy in evaluation mode."""
        model = Autoencoder(self.config, self.seed)
        model.load_state_dict(self.model.state_dict())
        return model.eval()

"""Training of the variational autoencoders: reconstruction and divergence down one gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trained.batches import Epochs
from trained.data import mirrored, training_images
from trained.latent import RateLatent
from trained.process import precision
from trained.schedule import cosine, set_rate
from trained.training import AbstractTrainer
from trained.vae import VAE
from trained.vae_config import VAEConfig

SCHEDULED = (0.1, 0.3)  # probability of scheduled sampling, rising linearly over the training (FSVAE's code)
DECISIVE = (
    *("batches", "decoder", "input_map", "latent", "latent_divergence", "schedule"),
    *("vae", "vae_config", "vae_layers", "vae_network", "vae_training"),
)


def split(images: Tensor, n_validation: int) -> tuple[Tensor, Tensor]:
    """Return (training images, validation images): the last `n_validation` are held out.

    Raises
    ------
    ValueError
        If fewer than half of the images are left.
    """
    if 2 * n_validation > len(images):
        raise ValueError(
            f"n_validation is {n_validation} of {len(images)} training images; at most half may be held out."
        )
    n = len(images) - n_validation
    return images[:n], images[n:]


class VAETrainer(AbstractTrainer):
    """AdamW on mean squared error, of images in [-1, 1], plus weighted divergence."""

    decisive = tuple(f"trained/{name}.py" for name in DECISIVE)
    config: VAEConfig
    model: VAE

    def __init__(self, config: VAEConfig, seed: int):
        super().__init__(config, seed)
        self.model = VAE(config, seed)
        self.images, self.validation = split(training_images(config), config.n_validation)
        self.epochs = Epochs(len(self.images), config.batch_size, seed)
        self.optimisers = {"all": torch.optim.AdamW(self._groups(), lr=config.learning_rate)}
        self.replicas = {"vae": self.model}

    def _groups(self) -> list[dict]:
        prior = list(self.model.latent.parameters()) if isinstance(self.model.latent, RateLatent) else []
        fast = {id(p) for p in prior}
        rest = [p for p in self.model.parameters() if id(p) not in fast]
        decay, rate = self.config.weight_decay, self.config.learning_rate
        groups = [{"params": rest, "weight_decay": decay}]
        if prior:
            factor = self.config.prior_rate_factor
            groups.append({"params": prior, "weight_decay": decay, "lr": rate * factor})
        return groups

    def advance(self) -> dict[str, float]:
        """Do one update and return the two terms of its loss."""
        self.model.train()
        set_rate(self.optimisers["all"], cosine(self.update, self.config.cosine_updates))
        whole = self.images[self.epochs.batch(self.update)]
        images = self.here(mirrored(whole, self.random) if self.config.mirror else whole)
        with precision(self.config.precision, self.device.type):
            made, divergence = self.replicas["vae"](images, self.random, self._scheduled())
        error = 4 * nn.functional.mse_loss(made.float(), images)  # of images in [-1, 1]
        loss = error + self.config.divergence_weight * divergence
        self.descend("all", loss, "reconstruction error + divergence")
        self.update += 1
        return {"mse": self.value(error), "divergence": self.value(divergence)}

    def _scheduled(self) -> float:
        if not self.config.scheduled_sampling:
            return 0.0
        first, last = SCHEDULED
        return first + (last - first) * min(1.0, self.update / self.config.scheduled_updates)

    def finished(self) -> VAE:
        """Return a copy in evaluation mode, batch norm measured afresh and the mixture, if any, fitted."""
        model = VAE(self.config, self.seed)
        model.load_state_dict(self.model.state_dict())
        with torch.no_grad():
            if self.config.calibration_batches:
                self._calibrate(model)
            model.eval()
            if isinstance(model.latent, RateLatent) and model.latent.mixture:
                model.latent.fit_mixture(self._rates(model), self.seed)
        return model

    def _calibrate(self, model: VAE) -> None:
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                assert module.num_batches_tracked is not None
                module.num_batches_tracked.zero_()  # the first of the batches that follow replaces what is there,
                module.momentum = None  # and the statistics are their plain average
        model.train()
        # a stream of its own: training goes on as if nothing had been measured
        random = torch.Generator().manual_seed(self.seed)
        for _ in range(self.config.calibration_batches):
            chosen = torch.randint(len(self.images), (self.config.batch_size,), generator=random)
            model.reconstruct(self.images[chosen], random)

    def _rates(self, model: VAE) -> Tensor:
        return torch.cat([model.encoder(x).mean(0) for x in self.images.split(self.config.batch_size)])

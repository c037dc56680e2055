"""Adversarial training: alternating critic and generator updates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trained.data import mirrored, training_images
from trained.gan_config import GanConfig
from trained.gan_network import Critic, GanModel, Generator
from trained.objective import Objective, objective
from trained.process import precision
from trained.training import AbstractTrainer


class Shown(nn.Module):
    """From latents to what the critic sees of a generator: images, or sequences of frames."""

    def __init__(self, generator: Generator, config: GanConfig):
        super().__init__()
        self.generator, self.frames = generator, config.critic_sees == "frames"

    def forward(self, latent: Tensor) -> Tensor:
        """Return images, (batch, colour, y, x), or frames, (time, batch, colour, y, x)."""
        return self.generator.frames(latent) if self.frames else self.generator(latent)


class CriticLoss(nn.Module):
    """From real and generated images to the critic's loss."""

    def __init__(self, critic: Critic, config: GanConfig):
        super().__init__()
        self.critic, self.config = critic, config
        self.objective: Objective = objective(config.objective)

    def forward(self, real: Tensor, fake: Tensor, share: Tensor | None) -> Tensor:
        """Return the loss; `share`, (batch, 1, 1, 1), says where between the images the slope is measured, if it is."""
        loss = self.objective.critic(*self._scores(real, fake))
        return loss if share is None else loss + self.config.gradient_penalty * self._slope(real, fake, share)

    def _scores(self, real: Tensor, fake: Tensor) -> list[Tensor]:
        if self.config.critic_reset:
            return [self.critic(real), self.critic(fake)]
        return self.critic.one_after_another(real, fake)

    def _slope(self, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
        """Return the mean of (||gradient of the score|| - 1)^2 at points between real and generated images."""
        between = (share * real + (1 - share) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        # A norm of exactly 0 (a silent critic) has no derivative: keep the root away from it.
        norms = gradient.square().sum((-3, -2, -1)).add(1e-12).sqrt()
        return (norms - 1).square().mean()


class GanTrainer(AbstractTrainer):
    """Generator against critic."""

    decisive = (
        *(f"trained/{m}.py" for m in ("analog", "decoder", "gan", "gan_config", "gan_network", "objective")),
    )
    config: GanConfig
    model: GanModel

    def __init__(self, config: GanConfig, seed: int):
        super().__init__(config, seed)
        self.model = GanModel(config, seed)
        self.objective: Objective = objective(config.objective)
        self.images = training_images(config)
        critic, generator = self.model.critic.parameters(), self.model.generator.parameters()
        self.optimisers = {
            "critic": torch.optim.RMSprop(critic, lr=config.learning_rate_critic),
            "generator": torch.optim.RMSprop(generator, lr=config.learning_rate_generator),
        }
        self.replicas = {
            "shown": Shown(self.model.generator, config),
            "critic_loss": CriticLoss(self.model.critic, config),
        }

    def real(self) -> Tensor:
        """Return the next batch of training images."""
        chosen = torch.randint(len(self.images), (self.config.batch_size,), generator=self.random)
        images = self.images[chosen]
        return mirrored(images, self.random) if self.config.mirror else images

    def latent(self) -> Tensor:
        """Return the next batch of latents."""
        return torch.randn(self.config.batch_size, self.config.n_latent, generator=self.random)

    def share(self) -> Tensor | None:
        """Return where between real and generated images the critic's slope is measured, if it is."""
        if not self.config.gradient_penalty:
            return None
        return self.here(torch.rand(self.config.batch_size, 1, 1, 1, generator=self.random))

    def advance(self) -> dict[str, float]:
        """Do one generator update, with its critic updates before it, and return the losses.

        As in SGAD's released code, the generator's update uses the same latents as the critic's last.
        """
        self.model.train()
        in_precision = precision(self.config.precision, self.device.type)
        for left in reversed(range(self.config.critic_steps)):
            latent = self.here(self.latent())
            with (
                in_precision,
                torch.set_grad_enabled(left == 0),
            ):  # only the last goes on to the generator's update
                fake = self.replicas["shown"](latent)
            real = self.here(self.real())
            with in_precision:
                critic_loss = self.replicas["critic_loss"](real, fake.detach(), self.share())
            self.descend("critic", critic_loss, "critic loss")
            self._clip()
        self.model.critic.requires_grad_(False)  # what its weights would get is of no use here
        with in_precision:
            generator_loss = self.objective.generator(self.model.critic(fake))
        self.model.critic.requires_grad_(True)
        self.descend("generator", generator_loss, "generator loss")
        self.update += 1
        return {"critic_loss": self.value(critic_loss), "generator_loss": self.value(generator_loss)}

    def _clip(self) -> None:
        if self.config.critic_clip > 0:
            with torch.no_grad():
                for weight in self.model.critic.parameters():
                    weight.clamp_(-self.config.critic_clip, self.config.critic_clip)

    def finished(self) -> GanModel:
        """Return a copy of the model whose batch-norm statistics are averages over fresh batches.

        The critic sees equal shares of real and generated images, as in training. The random stream is a copy, so
        that training goes on as if nothing had been measured.
        """
        model = GanModel(self.config, self.seed)
        model.load_state_dict(self.model.state_dict())
        stream, self.random = self.random, torch.Generator()
        self.random.set_state(stream.get_state())
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.reset_running_stats()
                module.momentum = None  # plain average over the batches that follow
        seen = Shown(model.generator, self.config)
        with torch.no_grad():
            model.train()
            for _ in range(self.config.calibration_batches):
                model.critic(seen(self.latent()))
                model.critic(self.real())
        self.random = stream
        return model.eval()

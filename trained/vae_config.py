"""What a variational autoencoder can be asked, one independent field per choice."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from study.commands import unknown
from trained.config import RunConfig, at_least
from trained.decoder import SUMMING

LATENTS = ("autoregressive", "rate", "gaussian")
NEURONS = ("lif", "plif", "alif")
SURROGATES = ("window-zero", "window-threshold", "atan")
DIVERGENCES = ("mmd-mean", "mmd-sum", "kld", "mmd-rbf", "gaussian-kld")
PRIORS = ("learned", "mixture")


@dataclasses.dataclass(frozen=True)
class VAEConfig(RunConfig):
    """A variational autoencoder: FSVAE (Kamata et al. 2021), with TAID (Qiu et al. 2023), ESVAE's latent, or analog.

    The defaults are the sizes and rates of FSVAE's released code.

    Parameters
    ----------
    image_size : int
        A power of two times 2: every convolution of the encoder halves it, down to 2 x 2.
    n_colours : int
        Channels of an image.
    mirror : bool
        Mirror every second training image on average, as FSVAE does with CIFAR-10 and CelebA.
    n_steps : int
        T, network steps per image; the analog twin has 1.
    n_latent : int
    channels : tuple of int
        Of the encoder's convolutions; the decoder mirrors them.
    latent : "autoregressive", "rate" or "gaussian"
        Autoregressive Bernoulli spikes (FSVAE), Bernoulli spikes at a rate (after ESVAE), or real numbers: the last is the
        analog twin, with LeakyReLU in place of neurons.
    n_candidates : int
        k of the autoregressive latent: output spikes per latent unit and step, one of which is picked.
    posterior_hidden, prior_hidden : (int, int)
        Units of the hidden layers of the two networks of the autoregressive latent.
    scheduled_sampling : bool
        While training, feed the prior its own output in place of the posterior's at some steps.
    scheduled_updates : int
        Updates over which the probability of doing so rises from 0.1 to 0.3.
    divergence : str
        Between posterior and prior: "mmd-mean" (FSVAE's code), "mmd-sum" (its paper) or "kld" of the autoregressive
        latent, "mmd-rbf" of rates, "gaussian-kld" of the analog twin.
    divergence_weight : float
    prior : "learned" or "mixture"
        Of rates: ESVAE's linear map of noise, or a Gaussian mixture fitted to the posterior's rates after training.
    mixture_components : int
    prior_rate_factor : float
        Learning rate of the rate latent's prior in units of `learning_rate`.
    decoder : str
        How frames become an image, a name in `trained.decoder.SUMMING`.
    neuron : "lif", "plif" or "alif"
        Constant leak 0.25 and threshold 0.2, the leak learned per layer, or both learned per layer.
    surrogate : "window-zero", "window-threshold" or "atan"
        Gradient 1 where the membrane is within 0.5 of zero (FSVAE's code), 5 where it is within 0.1 of the threshold (its
        authors' text), or an arctangent's.
    learning_rate, weight_decay : float
        Of AdamW.
    cosine_updates : int
        Updates over which the learning rate falls along a cosine to 0; 0 keeps it, as published.
    calibration_batches : int
        Batches over which the batch-norm statistics of the final weights are measured; 0 keeps the running averages.
    n_validation : int
        Training images that are held out, the last of the data set; choices are made on them.
    """

    image_size: int = 32
    n_colours: int = 1
    mirror: bool = False
    n_steps: int = 16
    n_latent: int = 128
    channels: tuple[int, ...] = (32, 64, 128, 256)
    latent: str = "autoregressive"
    n_candidates: int = 20
    posterior_hidden: tuple[int, int] = (256, 512)
    prior_hidden: tuple[int, int] = (256, 512)
    scheduled_sampling: bool = True
    scheduled_updates: int = 36000
    divergence: str = "mmd-mean"
    divergence_weight: float = 1.0
    prior: str = "learned"
    mixture_components: int = 10
    prior_rate_factor: float = 10.0
    decoder: str = "decaying-sum"
    neuron: str = "lif"
    surrogate: str = "window-zero"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    cosine_updates: int = 0
    batch_size: int = 250
    n_updates: int = 36000
    checkpoint_every: int = 240
    calibration_batches: int = 20
    n_validation: int = 10000

    family: ClassVar[str] = "vae"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(
            self,
            1,
            "n_colours",
            "n_steps",
            "n_latent",
            "n_candidates",
            "scheduled_updates",
            "mixture_components",
        )
        at_least(self, 0, "cosine_updates", "calibration_batches", "n_validation")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed)
        if self.image_size != 2 ** (len(self.channels) + 1):
            raise ValueError(
                f"image_size is {self.image_size} with {len(self.channels)} channels {self.channels}; every convolution halves "
                f"the image, down to 2 x 2, so {len(self.channels)} of them need {2 ** (len(self.channels) + 1)} pixels."
            )
        if self.divergence not in DIVERGENCES_OF[self.latent]:
            raise unknown(
                f"divergence of a latent {self.latent!r}", self.divergence, DIVERGENCES_OF[self.latent]
            )
        if self.latent == "gaussian" and self.n_steps != 1:
            raise ValueError(f"n_steps is {self.n_steps}; the analog twin (latent 'gaussian') has 1 step.")
        if self.prior == "mixture" and self.latent != "rate":
            raise ValueError(
                f"prior is 'mixture' with a latent {self.latent!r}; it is fitted to rates: latent=rate."
            )

    @property
    def spiking(self) -> bool:
        """Whether the layers have spiking neurons; the analog twin has none."""
        return self.latent != "gaussian"


CHOICES: dict[str, tuple[str, ...]] = {
    "decoder": SUMMING,
    "latent": LATENTS,
    "neuron": NEURONS,
    "surrogate": SURROGATES,
    "divergence": DIVERGENCES,
    "prior": PRIORS,
}
DIVERGENCES_OF = {
    "autoregressive": ("mmd-mean", "mmd-sum", "kld"),
    "rate": ("mmd-rbf",),
    "gaussian": ("gaussian-kld",),
}

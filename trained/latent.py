"""Latents of the variational autoencoders: what passes from encoder to decoder, and the prior that stands in for it."""

from __future__ import annotations

import abc
import dataclasses
import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trained.latent_divergence import bernoulli_kld, gaussian_kld, mmd, mmd_rbf
from trained.parallel import draw, gather, n_processes, part
from trained.vae_config import VAEConfig
from trained.vae_layers import DenseChain, hidden

ALPHA = 2.0  # of tdBN in the prior and the posterior (FSVAE's code)
# Scheduled sampling (FSVAE's code): from this step on, counted from 0, and with this tie-breaking noise.
FIRST_SCHEDULED_STEP, TIE_NOISE = 5, 1e-3

Latent = Float[Tensor, "time batch latent"]


@dataclasses.dataclass(frozen=True)
class Posterior:
    """What a latent makes of the encoder's output.

    Parameters
    ----------
    z : Tensor, (time, batch, latent)
        For the decoder: spikes, or real numbers at the one step of the analog twin.
    divergence : Tensor, ()
        Of the posterior from the prior.
    """

    z: Latent
    divergence: Float[Tensor, ""]


class AbstractLatent(nn.Module, abc.ABC):
    """From the encoder's output to the decoder's input, with or without an encoder."""

    @abc.abstractmethod
    def posterior(self, x: Latent, random: torch.Generator, scheduled: float = 0.0) -> Posterior:
        """Draw a latent for every image.

        Parameters
        ----------
        x : Tensor, (time, batch, unit)
            Output of the encoder.
        random : torch.Generator
        scheduled : float
            Probability that a step of an autoregressive prior is fed with its own output.
        """

    @abc.abstractmethod
    def draw(self, n: int, random: torch.Generator) -> Tensor:
        """Return `n` draws of all that is random in the prior, the input of the exported generator."""

    @abc.abstractmethod
    def prior(self, drawn: Tensor) -> Latent:
        """Return the latents that the prior makes of `drawn`."""


class AutoregressiveLatent(AbstractLatent):
    """FSVAE's Bernoulli latent: z[t] depends on z[<t] through a spiking network's membranes (Kamata et al. 2021).

    Each of two networks, posterior (fed with the encoder's spikes and z[t-1]) and prior (z[t-1] alone), puts out k
    spikes per latent unit and step; one of them, picked uniformly, is z[t], a draw from Ber(mean of the k). z[0] = 0.

    Latents are drawn step by step without gradient, with batch norm's running statistics; one pass over all steps
    with the drawn z[t-1] as input and the same picks then carries the gradient through the picked spikes. The released
    code draws by running the whole prefix anew at every step, in training mode with batch statistics of the prefix;
    in evaluation mode the two are equal.
    """

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.n_latent, self.k, self.n_steps = config.n_latent, config.n_candidates, config.n_steps
        self.divergence = config.divergence
        n_out = self.n_latent * self.k
        self.posterior_net = _dense_chain(
            config, "posterior", 2 * self.n_latent, config.posterior_hidden, n_out
        )
        self.prior_net = _dense_chain(config, "prior", self.n_latent, config.prior_hidden, n_out)

    def posterior(self, x: Latent, random: torch.Generator, scheduled: float = 0.0) -> Posterior:
        """Draw a latent for every image; see the class."""
        picks = part(self.picks(x.shape[1] * n_processes(), random), axis=1).to(x.device)
        drawn = self._sequence(self.posterior_net, picks, x.detach())
        candidates = self._candidates(self.posterior_net(torch.cat([x, delayed(drawn)], -1)))
        z = pick(candidates, picks)
        fed = delayed(self._scheduled(z.detach(), scheduled, random))
        q, p = candidates.mean(-1), self._candidates(self.prior_net(fed)).mean(-1)
        if self.divergence == "kld":
            return Posterior(z, bernoulli_kld(q, p))
        return Posterior(z, mmd(q, p, self.divergence.removeprefix("mmd-")))

    def _scheduled(self, z: Latent, probability: float, random: torch.Generator) -> Latent:
        """Return `z` with some steps replaced by the prior's own most probable spikes (scheduled sampling)."""
        own = torch.rand(self.n_steps, generator=random) < probability
        own[:FIRST_SCHEDULED_STEP] = False
        if not own.any():
            return z
        fed, stepper, before = [], self.prior_net.stepper(), torch.zeros_like(z[0])
        for t in range(self.n_steps):
            p = self._candidates(stepper(before)).mean(-1)
            noise = TIE_NOISE * draw(torch.randn, p.shape, random, dtype=p.dtype).to(p.device)
            before = (p + noise > 0.5).to(z.dtype) if own[t] else z[t]
            fed.append(before)
        return torch.stack(fed)

    def picks(self, n: int, random: torch.Generator) -> Int[Tensor, "time batch latent"]:
        """Return which of the k spikes is z, for every step, sample and latent unit."""
        return torch.randint(self.k, (self.n_steps, n, self.n_latent), generator=random)

    def draw(self, n: int, random: torch.Generator) -> Int[Tensor, "time batch latent"]:
        """Return the picks of `n` samples."""
        return self.picks(n, random)

    def prior(self, drawn: Int[Tensor, "time batch latent"]) -> Latent:
        """Return the spikes that the prior makes with these picks."""
        return self._sequence(self.prior_net, drawn, None)

    @torch.no_grad()
    def _sequence(self, net: DenseChain, picks: Tensor, x: Tensor | None) -> Latent:
        weight = net.chain[0].synapse.weight
        z = weight.new_zeros(picks.shape[1:])
        stepper, steps = net.stepper(), []
        for t in range(len(picks)):
            z = pick(self._candidates(stepper(z if x is None else torch.cat([x[t], z], -1))), picks[t])
            steps.append(z)
        return torch.stack(steps)

    def _candidates(self, spikes: Tensor) -> Tensor:
        return spikes.unflatten(-1, (self.n_latent, self.k))


def delayed(z: Latent) -> Latent:
    """Return z[t-1], with z[0] = 0."""
    return torch.cat([torch.zeros_like(z[:1]), z[:-1]])


def pick(candidates: Float[Tensor, "*any k"], picks: Int[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Return the picked one of the k candidates."""
    return candidates.gather(-1, picks.unsqueeze(-1)).squeeze(-1)


def _dense_chain(config: VAEConfig, name: str, n_in: int, widths: tuple[int, ...], n_out: int) -> DenseChain:
    sizes = (n_in, *widths, n_out)
    return DenseChain(
        [
            hidden(config, f"{name}{i + 1}", (a,), (b,), nn.Linear(a, b), ALPHA)
            for i, (a, b) in enumerate(itertools.pairwise(sizes))
        ]
    )


class _BernoulliSpike(torch.autograd.Function):
    """1 where rate exceeds a uniform number; the gradient is passed on where they are within 0.5 (ESVAE's code)."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, rate: Tensor, uniform: Tensor) -> Tensor:
        ctx.save_for_backward(rate, uniform)
        return (rate > uniform).to(rate.dtype)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        rate, uniform = ctx.saved_tensors  # type: ignore[attr-defined]
        return (grads[0] * ((rate - uniform).abs() < 0.5)).sum(0), None


def bernoulli_spikes(rate: Float[Tensor, "batch latent"], uniform: Latent) -> Latent:
    """Return z[t] = 1 where rate > uniform[t], with ESVAE's surrogate gradient to the rate."""
    return _BernoulliSpike.apply(rate, uniform)


class RateLatent(AbstractLatent):
    """ESVAE's latent: spikes are independent draws at a rate per latent unit.

    The posterior's rate is the mean of the encoder's spikes over time. The prior's is sigmoid(A ε + b) with
    ε ~ N(0, I) and learned A, b; or, ours, a draw from a Gaussian mixture that was fitted to the posterior's rates after
    training (ex-post density estimation, Ghosh et al. 2020, arXiv 1903.12436), clipped to 0 to 1.
    """

    mixture_weight: Tensor
    mixture_mean: Tensor
    mixture_root: Tensor

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.n_latent, self.n_steps = config.n_latent, config.n_steps
        self.mixture = config.prior == "mixture"
        self.prior_net = nn.Linear(self.n_latent, self.n_latent)
        if self.mixture:
            m = config.mixture_components
            self.register_buffer("mixture_weight", torch.full((m,), 1 / m))
            self.register_buffer("mixture_mean", torch.full((m, self.n_latent), 0.5))
            self.register_buffer("mixture_root", torch.zeros(m, self.n_latent, self.n_latent))

    def posterior(self, x: Latent, random: torch.Generator, scheduled: float = 0.0) -> Posterior:
        """Draw spikes at the encoder's rates; the divergence is that of these rates from as many of the prior's."""
        rate = x.mean(0)
        z = bernoulli_spikes(rate, _uniform(x, random))
        noise = draw(torch.randn, rate.shape, random, dtype=rate.dtype).to(rate.device)
        prior = torch.sigmoid(self.prior_net(noise))
        return Posterior(z, mmd_rbf(gather(rate), gather(prior)))

    def draw(self, n: int, random: torch.Generator) -> Latent:
        """Return the spikes of `n` samples: nothing behind them is random, so they are the generator's input."""
        weight = self.prior_net.weight
        noise = torch.randn(n, self.n_latent, generator=random).to(weight)
        with torch.no_grad():
            rate = self._mixture_rate(noise, random) if self.mixture else torch.sigmoid(self.prior_net(noise))
        return (rate > torch.rand(self.n_steps, n, self.n_latent, generator=random).to(weight)).to(weight)

    def prior(self, drawn: Latent) -> Latent:
        """Return `drawn`."""
        return drawn

    def _mixture_rate(self, noise: Tensor, random: torch.Generator) -> Tensor:
        chosen = torch.multinomial(
            self.mixture_weight.double(), len(noise), replacement=True, generator=random
        )
        spread = torch.einsum("nij,nj->ni", self.mixture_root[chosen], noise)
        return (self.mixture_mean[chosen] + spread).clamp(0, 1)

    def fit_mixture(self, rate: Float[Tensor, "sample latent"], seed: int) -> None:
        """Fit the mixture to the posterior's rates, by expectation maximisation with full covariances."""
        from sklearn.mixture import GaussianMixture  # slow to import, and only this function needs it

        n_components = len(self.mixture_weight)
        # k-means, the default start, sums in an order of its threads' making
        start = {"init_params": "k-means++", "random_state": seed}
        found = GaussianMixture(n_components, reg_covar=1e-4, max_iter=200, **start).fit(
            rate.double().numpy()
        )
        self.mixture_weight.copy_(torch.from_numpy(found.weights_))
        self.mixture_mean.copy_(torch.from_numpy(found.means_))
        self.mixture_root.copy_(torch.linalg.cholesky(torch.from_numpy(found.covariances_)))


def _uniform(like: Tensor, random: torch.Generator) -> Tensor:
    return draw(torch.rand, like.shape, random, axis=1, dtype=like.dtype).to(like.device)


class GaussianLatent(AbstractLatent):
    """The analog twin's latent, N(mean, variance) against N(0, I) (Kingma and Welling 2014)."""

    def __init__(self, config: VAEConfig, n_in: int):
        super().__init__()
        self.n_latent = config.n_latent
        self.mean = nn.Linear(n_in, self.n_latent)
        self.log_variance = nn.Linear(n_in, self.n_latent)

    def posterior(self, x: Latent, random: torch.Generator, scheduled: float = 0.0) -> Posterior:
        """Draw real latents by reparameterisation."""
        mean, log_variance = self.mean(x[0]), self.log_variance(x[0])
        noise = draw(torch.randn, mean.shape, random, dtype=mean.dtype).to(mean.device)
        z = mean + noise * torch.exp(log_variance / 2)
        return Posterior(z.unsqueeze(0), gaussian_kld(mean, log_variance))

    def draw(self, n: int, random: torch.Generator) -> Float[Tensor, "1 batch latent"]:
        """Return `n` draws from N(0, I)."""
        return torch.randn(1, n, self.n_latent, generator=random).to(self.mean.weight)

    def prior(self, drawn: Float[Tensor, "1 batch latent"]) -> Latent:
        """Return `drawn`."""
        return drawn

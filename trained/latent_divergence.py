"""How far a posterior is from a prior: the second term of a variational autoencoder's loss."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

TAU_SYNAPSE = 2.0  # steps; of the first-order synapse (FSVAE, `global_v.py`)
N_KERNELS, KERNEL_FACTOR = 5, 2.0  # of the mixture of radial kernels (ESVAE)
KLD_SMOOTHING = 1e-2  # keeps logarithms of probabilities finite (FSVAE)

Probabilities = Float[Tensor, "time batch latent"]
Rates = Float[Tensor, "batch latent"]


def postsynaptic_potential(z: Probabilities) -> Probabilities:
    """Return PSP[t] = PSP[t-1] + (z[t] - PSP[t-1]) / 2 with PSP[0] = 0 (Kamata et al. 2021)."""
    psp = torch.zeros_like(z[0])
    steps = []
    for step in z:
        psp = psp + (step - psp) / TAU_SYNAPSE
        steps.append(psp)
    return torch.stack(steps)


def mmd(q: Probabilities, p: Probabilities, over_time: str = "mean") -> Float[Tensor, ""]:
    """Return the squared maximum mean discrepancy between spike trains of two Bernoulli processes.

    The kernel k(z, z') = Σ_t PSP(z)[t] · PSP(z')[t] is linear, so the discrepancy of posterior and prior of one image is
    that of the means: Σ_t |PSP(q)[t] - PSP(p)[t]|² (Kamata et al. 2021).

    Parameters
    ----------
    q, p : Tensor, (time, batch, latent)
        Spike probabilities, 0 to 1.
    over_time : "mean" or "sum"
        Mean over batch, latent units and steps, as in the released code, or the paper's sums over latent units and
        steps and mean over the batch.
    """
    squared = (postsynaptic_potential(q) - postsynaptic_potential(p)).square()
    return squared.mean() if over_time == "mean" else squared.sum((0, 2)).mean()


def bernoulli_kld(q: Probabilities, p: Probabilities) -> Float[Tensor, ""]:
    """Return KL(Ber(q) | Ber(p)), summed over latent units and steps, mean over the batch."""
    q, p = (x.clamp(0, 1) * (1 - 2 * KLD_SMOOTHING) + KLD_SMOOTHING for x in (q, p))
    kld = q * torch.log(q / p) + (1 - q) * torch.log((1 - q) / (1 - p))
    return kld.sum((0, 2)).mean()


def gaussian_kld(mean: Rates, log_variance: Rates) -> Float[Tensor, ""]:
    """Return KL(N(mean, variance) | N(0, 1)), summed over latent units, mean over the batch (Kingma and Welling 2014)."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()


def mmd_rbf(x: Rates, y: Rates) -> Float[Tensor, ""]:
    """Return the squared maximum mean discrepancy between two samples under a mixture of five Gaussian kernels.

    Widths are 1/4, 1/2, 1, 2 and 4 times the mean squared distance of all pairs (ESVAE; Long et al. 2015); the
    mean is over all pairs, each sample with itself included. The width carries no gradient.

    Parameters
    ----------
    x, y : Tensor, (batch, latent)
        Of equal length.
    """
    both = torch.cat([x, y])
    squared = (both.unsqueeze(1) - both.unsqueeze(0)).square().sum(2)
    n = len(both)
    width = squared.detach().sum() / (n * n - n)
    factors = KERNEL_FACTOR ** torch.arange(N_KERNELS, dtype=x.dtype) / KERNEL_FACTOR ** (N_KERNELS // 2)
    # a batch of one repeated sample has no width: all kernels are 1 then, and the discrepancy 0
    kernel = sum(torch.exp(-squared / (width * factor).clamp_min(1e-12)) for factor in factors)
    sign = torch.cat([torch.ones(len(x)), -torch.ones(len(y))]).to(x)
    return sign @ kernel @ sign / len(x) ** 2

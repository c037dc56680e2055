"""Latents of variational autoencoders step by step, and their divergences."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from tests.trained.vae_arms import arm, generator, lively
from trained.latent import AutoregressiveLatent, RateLatent, bernoulli_spikes, delayed
from trained.latent_divergence import bernoulli_kld, gaussian_kld, mmd, mmd_rbf, postsynaptic_potential

pytestmark = pytest.mark.usefixtures("digits_are_read_once")

# ----------------------------------------------------------------------------------------------- latents


def prefix_sequence(net, picks: torch.Tensor, x: torch.Tensor | None, k: int) -> torch.Tensor:
    """Draw a latent as the released code does: the whole prefix anew at every step."""
    n_steps, n_batch, n_latent = picks.shape
    z = torch.zeros(0, n_batch, n_latent, dtype=torch.float64)
    for t in range(n_steps):
        before = torch.cat([torch.zeros(1, n_batch, n_latent, dtype=torch.float64), z])
        fed = before if x is None else torch.cat([x[: t + 1], before], -1)
        with torch.no_grad():
            candidates = net(fed)[-1].unflatten(-1, (n_latent, k))
        z = torch.cat([z, candidates.gather(-1, picks[t].unsqueeze(-1)).squeeze(-1).unsqueeze(0)])
    return z


@pytest.mark.parametrize("which", ["prior", "posterior"])
def test_one_step_at_a_time_equals_running_every_prefix_anew(which: str) -> None:
    model = lively("fsvae")
    latent = model.latent
    assert isinstance(latent, AutoregressiveLatent)
    picks = latent.picks(40, generator())
    x = (torch.rand(6, 40, 6, generator=generator(1)) < 0.4).double() if which == "posterior" else None
    net = latent.posterior_net if which == "posterior" else latent.prior_net
    stepped = latent._sequence(net, picks, x)
    assert 0.02 < stepped.mean() < 0.98
    assert torch.equal(stepped, prefix_sequence(net, picks, x, latent.k))


def test_in_evaluation_mode_the_pass_that_carries_the_gradient_picks_what_was_drawn() -> None:
    model = lively("fsvae")
    latent = model.latent
    x = (torch.rand(6, 40, 6, generator=generator(1)) < 0.4).double()
    z = latent.posterior(x, generator(2)).z
    picks = latent.picks(40, generator(2))
    assert torch.equal(z, latent._sequence(latent.posterior_net, picks, x))


def test_the_posterior_s_gradient_reaches_the_encoder_and_the_prior_s_does_not() -> None:
    model = lively("fsvae")
    images = torch.rand(16, 1, 16, 16, dtype=torch.float64, generator=generator())
    _, divergence = model.reconstruct(images, generator())
    divergence.backward()
    assert model.encoder.chain[0].synapse.weight.grad.abs().sum() > 0
    model.zero_grad()
    # Without the posterior's own spikes in the divergence, nothing may come from the prior's input.
    x = torch.rand(6, 16, 6, dtype=torch.float64, requires_grad=True)
    fed = delayed(model.latent._scheduled(x.detach(), 0.0, generator()))
    model.latent.prior_net(fed).sum().backward()
    assert x.grad is None


def test_scheduled_sampling_replaces_late_steps_by_the_prior_s_own_spikes() -> None:
    latent = lively("fsvae").latent
    z = torch.zeros(6, 8, 6, dtype=torch.float64)
    fed = latent._scheduled(z, 1.0, generator())
    assert torch.equal(fed[:5], z[:5])
    latent.prior_net.chain[-1].norm.bias.data.fill_(10.0)  # every candidate fires
    assert torch.equal(latent._scheduled(z, 1.0, generator())[5], torch.ones(8, 6, dtype=torch.float64))
    assert torch.equal(latent._scheduled(z, 0.0, generator()), z)


def test_picked_spikes_are_draws_from_the_mean_of_the_candidates() -> None:
    config = dataclasses.replace(arm("fsvae"), n_candidates=20)
    latent = AutoregressiveLatent(config).double().eval()
    candidates = torch.zeros(6, 2000, 6, 20)
    candidates[..., :7] = 1
    picks = latent.picks(2000, generator())
    z = candidates.gather(-1, picks.unsqueeze(-1))
    assert z.mean().item() == pytest.approx(7 / 20, abs=4 * math.sqrt(0.35 * 0.65 / z.numel()))


def test_bernoulli_spikes_have_their_rate_and_a_window_for_gradient() -> None:
    rate = torch.tensor([[0.0, 0.25, 1.0]], dtype=torch.float64, requires_grad=True)
    uniform = torch.rand(4000, 1, 3, dtype=torch.float64, generator=generator())
    z = bernoulli_spikes(rate, uniform)
    np.testing.assert_allclose(z.mean((0, 1)).detach(), [0, 0.25, 1], atol=0.03)
    z.sum().backward()
    expected = ((rate - uniform).abs() < 0.5).double().sum(0)
    torch.testing.assert_close(rate.grad, expected)


def test_the_mixture_gives_back_the_moments_that_it_was_fitted_to() -> None:
    config = dataclasses.replace(arm("esvae-mixture"), mixture_components=2, n_latent=3)
    latent = RateLatent(config)
    rates = torch.cat(
        [
            0.25 + 0.03 * torch.randn(3000, 3, generator=generator()),
            0.7 + 0.05 * torch.randn(1000, 3, generator=generator(1)),
        ]
    )
    latent.fit_mixture(rates, seed=0)
    drawn = latent._mixture_rate(torch.randn(20000, 3, generator=generator(2)), generator(3))
    torch.testing.assert_close(drawn.mean(0), rates.mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), rates.T.cov(), atol=2e-3, rtol=0)


# ----------------------------------------------------------------------------------------------- divergences


def test_psp_and_mmd_equal_their_sums_written_out() -> None:
    q, p = torch.rand(2, 5, 3, 4, dtype=torch.float64)
    kernel = np.array([[0.5 * 0.5 ** (t - s) if s <= t else 0 for s in range(5)] for t in range(5)])
    np.testing.assert_allclose(postsynaptic_potential(q), np.einsum("ts,sbd->tbd", kernel, q))
    difference = np.einsum("ts,sbd->tbd", kernel, (q - p).numpy()) ** 2
    assert mmd(q, p).item() == pytest.approx(difference.mean())
    assert mmd(q, p, "sum").item() == pytest.approx(difference.sum() / 3)
    assert mmd(q, q).item() == 0


def test_divergences_agree_with_torch_distributions() -> None:
    q, p = torch.rand(2, 5, 3, 4, dtype=torch.float64)
    a, b = (torch.distributions.Bernoulli(x * 0.98 + 0.01) for x in (q, p))
    expected = torch.distributions.kl_divergence(a, b).sum((0, 2)).mean()
    torch.testing.assert_close(bernoulli_kld(q, p), expected)
    mean, log_variance = torch.randn(2, 6, 4, dtype=torch.float64)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(gaussian_kld(mean, log_variance), expected)


def test_rbf_mmd_equals_its_double_sum_and_tells_samples_apart() -> None:
    x, y = torch.rand(2, 6, 3, dtype=torch.float64)
    both = torch.cat([x, y])
    d = torch.cdist(both, both) ** 2
    width = d.sum() / (12 * 11)
    k = sum(torch.exp(-d / (width * f)) for f in (0.25, 0.5, 1, 2, 4))
    expected = (k[:6, :6] + k[6:, 6:] - k[:6, 6:] - k[6:, :6]).mean()
    torch.testing.assert_close(mmd_rbf(x, y), expected)
    same, other = (
        torch.rand(2, 400, 3, generator=generator()),
        torch.rand(400, 3, generator=generator(1)) ** 3,
    )
    assert mmd_rbf(same[0], other) > 20 * mmd_rbf(same[0], same[1])

"""Measures of time-to-first-spike networks: accuracy, ties, time of the decision, spikes."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trained.measures import N_ACTIVITY, Row, row
from trained.ttfs.classifier import TTFSClassifier
from trained.ttfs.data import Digits, load
from trained.ttfs.gan import NAMES, TTFSGan
from trained.ttfs.judge import N_JUDGED, N_NEIGHBOURS, neighbours, verdict

AT_ONCE = 500  # images


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What a classifier did with each image, Tensors of (image,).

    Parameters
    ----------
    strict : bool
        The true output fired before all others.
    tolerant : bool
        The true output was among those that fired first: how S4NN's released code counts.
    tie : bool
        Several outputs fired first.
    silent : bool
        No output fired: wrong by both counts, though S4NN's code would then compare membranes.
    step : float
        Of the first output spike; t_max where silent.
    hidden_spikes, output_spikes : float
        Over the whole window.
    until_decision : float
        Hidden and output spikes up to and including the step of the decision.
    """

    strict: Tensor
    tolerant: Tensor
    tie: Tensor
    silent: Tensor
    step: Tensor
    hidden_spikes: Tensor
    output_spikes: Tensor
    until_decision: Tensor


def decisions(
    hidden: Float[Tensor, "image unit"],
    output: Float[Tensor, "image class"],
    label: Int[Tensor, " image"],
    t_max: int,
) -> Decisions:
    """Return what follows from spike times, 0 to t_max."""
    step, _ = output.min(1)
    first = (output == step[:, None]) & (output < t_max)
    tolerant = first.gather(1, label[:, None])[:, 0]
    tie = first.sum(1) > 1
    until = sum(((t <= step[:, None]) & (t < t_max)).sum(1) for t in (hidden, output))
    return Decisions(
        strict=tolerant & ~tie,
        tolerant=tolerant,
        tie=tie,
        silent=step >= t_max,
        step=step,
        hidden_spikes=(hidden < t_max).sum(1),
        output_spikes=(output < t_max).sum(1),
        until_decision=until,  # type: ignore[arg-type]
    )


def decide(model: TTFSClassifier, digits: Digits) -> Decisions:
    """Return what a classifier does with all digits of a split."""
    parts = []
    with torch.no_grad():
        for times, labels in zip(digits.times.split(AT_ONCE), digits.labels.split(AT_ONCE), strict=True):
            hidden, output = model.network(times.to(model.network.weights[0].dtype))
            parts.append(decisions(hidden, output, labels, model.config.t_max))
    names = [field.name for field in dataclasses.fields(Decisions)]
    return Decisions(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


MEASURES = {
    "accuracy, ties wrong": ("strict", "share of images; no output fired counts as wrong"),
    "accuracy as S4NN counts": ("tolerant", "share of images; a tie with the true class counts as right"),
    "ties": ("tie", "share of images with several first outputs"),
    "undecided": ("silent", "share of images without an output spike"),
    "step of decision": ("step", "mean of the first output spike, t_max where there is none"),
    "hidden spikes": ("hidden_spikes", "per image over the whole window"),
    "output spikes": ("output_spikes", "per image over the whole window"),
    "spikes until decision": ("until_decision", "per image, hidden and output"),
}


def classification(model: TTFSClassifier, n_samples: int = 0) -> list[Row]:
    """Return the measures of a classifier on all images of its test split, whatever `n_samples` is.

    On the validation split instead, and said so, if the run held one out: such runs are there to choose by.
    """
    config = model.config
    split = "validation" if config.n_validation else "test"
    digits = load(config.dataset, split, config.t_max, config.n_validation)
    found = decide(model, digits)
    return [
        row(
            name, getattr(found, field).double().mean().item(), len(digits.labels), f"{split} split, {detail}"
        )
        for name, (field, detail) in MEASURES.items()
    ]


def activity(model: TTFSGan, n_samples: int = 0) -> list[Row]:
    """Return spikes per image and layer of the generator, over N_ACTIVITY inputs."""
    trace = model.trace("generator", model.verification_inputs("generator", N_ACTIVITY, model.seed))
    return [
        row("spikes per image", trace[name].sum() / N_ACTIVITY, N_ACTIVITY, f"generator {name}")
        for name in NAMES
    ]


def recognition(model: TTFSGan, n_samples: int = N_JUDGED) -> list[Row]:
    """Return how the nearest training digits, an independent classifier, read made digits; see `judge.verdict`."""
    return verdict(
        neighbours(model.config.dataset), f"{N_NEIGHBOURS} nearest training digits", model, n_samples
    )

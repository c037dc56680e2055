"""Measures of generators: image quality, spikes, temporal consistency. One function each, from (model, n) to rows."""

from __future__ import annotations

import torch

from study.commands import one_line
from trained.config import RunConfig
from trained.data import image_set, split_images, training_images
from trained.gan_network import GanModel
from trained.model import AbstractModel
from trained.neighbours import nearest
from trained.synops import energy_nj, operations

N_ACTIVITY = 64  # images over which spikes are counted
N_NEIGHBOURS = 1000  # images whose nearest training images are looked up
Row = dict[str, object]


def activity(model: GanModel, n_samples: int = 0) -> list[Row]:
    """Return spikes per image and layer, and how far single frames are from the decoded image.

    Over N_ACTIVITY images, whatever `n_samples` is.
    """
    random = torch.Generator().manual_seed(model.seed)
    latent = torch.randn(N_ACTIVITY, model.config.n_latent, generator=random)
    rows: list[Row] = []
    with torch.no_grad():
        if "generator" in model.roles:
            for name, spikes in list(model.generator.states(latent).items())[:-1]:
                per_image = spikes.sum().item() / N_ACTIVITY
                rows.append(row("spikes per image", per_image, N_ACTIVITY, f"generator {name}"))
        frames, image = model.generator.frames(latent), model.generator(latent)
    for t in (0, len(frames) - 1):
        error = (frames[t] - image).square().mean().item()
        rows.append(row("squared distance of frame from image", error, N_ACTIVITY, f"step {t + 1}"))
    weight = getattr(model.generator.decoder, "frame_weight", None)
    if weight is not None:
        for t in (1, len(weight)):
            detail = f"step {t + 1}"
            rows.append(row("attention weight of new frame", weight[t - 1].mean().item(), N_ACTIVITY, detail))
    return rows


def cost(model: GanModel, n_samples: int = 0) -> list[Row]:
    """Return synaptic operations and their energy per image, beside those of an analog network of equal shape.

    Over N_ACTIVITY inputs, whatever `n_samples` is; networks that spike only.
    """
    rows: list[Row] = []
    for role in model.roles:
        found = operations(model.network(role), model.verification_inputs(role, N_ACTIVITY, model.seed))
        spiking, analog = energy_nj(found)
        added = sum(layer.accumulations for layer in found)
        multiplied = sum(layer.synapses for layer in found)
        of = f"{role}, {found[0].synapses} multiply-accumulations of the analog input besides"
        rows.append(row("accumulations per image", added, N_ACTIVITY, of))
        detail = (
            f"{role}, an analog one of equal shape needs {multiplied} multiply-accumulations, {analog:.4g} nJ"
        )
        rows.append(row("energy per image (nJ)", spiking, N_ACTIVITY, detail))
    return rows


def memorising(model: AbstractModel, n_samples: int) -> list[Row]:
    """Return how near generated images come to training images, beside those of the test split.

    An empty list, and a line that says why, where the data set has no test split at hand.
    """
    test = held_out(model.config, "nearest neighbours")
    if test is None:
        return []
    test = test[:N_NEIGHBOURS]
    training = training_images(model.config)
    n = min(n_samples, N_NEIGHBOURS)
    found = nearest(model.sample(n, model.seed), training, test)
    detail = (
        f"root mean squared difference {found.generated:.4f}, of {len(test)} test images {found.held_out:.4f}"
    )
    return [
        row("distance to nearest training image over that of test images", found.ratio, n, detail),
        row("images nearer to a training image than 0.1 % of test images", found.n_copies, n, detail),
    ]


def held_out(config: RunConfig, what: str, size: int | None = None) -> torch.Tensor | None:
    """Return the test images of a configuration's data set; None, and a line that says why `what` is not computed."""
    reason = f"{config.dataset} has no test split"
    if "test" in image_set(config.dataset).splits:
        try:
            return split_images(config, "test", size)
        except FileNotFoundError as error:
            reason = one_line(error).rstrip(".")
    print(f"{what}: not computed: {reason}.")
    return None


def row(measure: str, value: float, n: int, detail: str) -> Row:
    """Return one row: a value with how many samples and what else it rests on."""
    return {"measure": measure, "value": f"{value:.6g}", "n": n, "detail": detail}

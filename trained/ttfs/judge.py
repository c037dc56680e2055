"""Who reads made digits: classifiers that are shown real test digits first, so that their verdict can be weighed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from trained.measures import Row, row
from trained.runs import load_model
from trained.ttfs.classifier import TTFSClassifier
from trained.ttfs.data import N_CLASSES, SOURCES
from trained.ttfs.gan import TTFSGan

N_NEIGHBOURS = 3
N_JUDGED = 2000  # made images, and real test digits, that a judge is shown
UNREAD = -1  # no output fired, or several at once
Judge = Callable[[Float[Tensor, "image channel y x"]], Int[np.ndarray, " image"]]


def neighbours(dataset: str) -> Judge:
    """Return the classifier by the nearest training digits: independent of the networks, lenient to noise."""
    pixels, labels = SOURCES[dataset]("train")
    found = KNeighborsClassifier(N_NEIGHBOURS).fit(pixels.reshape(len(pixels), -1) / np.float32(255), labels)
    return lambda images: found.predict(images.flatten(1).numpy())


def first_to_fire(model: TTFSClassifier) -> Judge:
    """Return a trained classifier as a judge; ties and images without an output spike are not read."""

    def read(images: Tensor) -> np.ndarray:
        with torch.no_grad():
            times = model.network(model.network.encode(images))[-1]
        first = times == times.amin(1, keepdim=True)
        return torch.where(first.sum(1) == 1, times.argmin(1), UNREAD).numpy()

    return read


def verdict(judge: Judge, by: str, model: TTFSGan, n: int = N_JUDGED) -> list[Row]:
    """Return how a judge reads made digits, and real test digits beside them.

    The accuracy is the share read as the class that was asked for (conditional GANs only). Balance is the entropy of
    the classes read, 1 for all ten alike and 0 for one.

    Parameters
    ----------
    judge : callable
        (image, channel, y, x) in [0, 1] -> classes, UNREAD where it cannot tell.
    by : str
        Who that is.
    model : TTFSGan
    n : int
        Images, at most N_JUDGED.
    """
    n = min(n, N_JUDGED)
    pixels, labels = SOURCES[model.config.dataset]("test")
    real = torch.from_numpy(pixels[:n].reshape(-1, 1, *pixels.shape[-2:]) / np.float32(255))
    made, asked = model.sample_labelled(n, model.seed)
    read = judge(made)
    counts = np.bincount(read[read != UNREAD], minlength=N_CLASSES)
    share = counts / max(1, counts.sum())
    entropy = (share[share > 0] * np.log(1 / share[share > 0])).sum() / np.log(N_CLASSES)
    detail = f"entropy over log 10, read by {by}; counts {' '.join(map(str, counts))}"
    rows = [row("balance of classes", entropy, n, detail)]
    if model.config.conditional:
        accuracy = (read == asked.numpy()).mean()
        rows.insert(0, row("recognised as the class asked for", accuracy, n, f"share, read by {by}"))
    right = (judge(real) == labels[:n]).mean()
    return [
        *rows,
        row("judge on real digits", right, len(real), f"share read right of the test split, by {by}"),
    ]


def judge_run(gan: str | Path, classifier: str | Path, n: int) -> list[Row]:
    """Return the verdict of a classifier's run on a GAN's.

    Raises
    ------
    ValueError
        If one of them is of another family, they learned different data, or `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"samples is {n}; a judge needs at least 1.")
    model, judge = load_model(gan), load_model(classifier)
    if not isinstance(model, TTFSGan):
        raise ValueError(f"{gan} holds a {model.config.family}; give a run of ttfs-gan.")
    if not isinstance(judge, TTFSClassifier):
        raise ValueError(f"{classifier} holds a {judge.config.family}; give a run of ttfs-classifier.")
    if model.config.dataset != judge.config.dataset:
        raise ValueError(
            f"{classifier} learned {judge.config.dataset}, {gan} {model.config.dataset}; give runs of one data set."
        )
    return verdict(first_to_fire(judge), f"{judge.config.name} seed {judge.seed}", model, n)

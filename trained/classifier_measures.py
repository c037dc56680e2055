"""Measures of classifiers: accuracy on the test split of the last and of the selected weights, spikes."""

from __future__ import annotations

import torch

from study.network import LIF
from trained.classifier import ClassifierModel
from trained.classifier_data import data_set
from trained.classifier_training import count_right
from trained.measures import N_ACTIVITY, Row, row


def accuracy(model: ClassifierModel, n_samples: int = 0) -> list[Row]:
    """Return test accuracies in percent: final, and of the weights selected on validation images; never the best on test."""
    test = data_set(model.config.dataset).load("test")
    rows = []
    for network, what in ((model.classifier, "final"), (model.selected, "selected on validation images")):
        right = count_right(network, test.images.to(next(model.parameters()).dtype), test.labels)
        detail = f"{what}, test split of {test.source}"
        rows.append(row("accuracy, %", 100 * right / len(test.labels), len(test.labels), detail))
    n = model.config.n_validation
    best = 100 * model.selected_accuracy.item()
    detail = f"of the selected weights, update {model.selected_update.item()}"
    return [*rows, row("validation accuracy, %", best, n, detail)]


def activity(model: ClassifierModel, n_samples: int = 0) -> list[Row]:
    """Return spikes per image and layer over N_ACTIVITY test images, and the learned constants of every layer."""
    images = data_set(model.config.dataset).load("test").images[:N_ACTIVITY]
    with torch.no_grad():
        states = model.selected.eval().states(images.to(next(model.parameters()).dtype))
    rows = [
        row("spikes per image", s.sum().item() / len(images), len(images), f"classifier {name}")
        for name, s in states.items()
    ]
    if model.config.neuron == "lif":
        return rows
    for layer in model.export("classifier", {}).layers:
        if isinstance(layer.neuron, LIF) and not layer.name.startswith("pool"):
            rows.append(row("decay per step", layer.neuron.decay, 1, layer.name))
            rows.append(row("threshold", layer.neuron.v_threshold, 1, layer.name))
    return rows

"""Training of the spiking classifiers: mean squared error between rates and targets, selection on validation images."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trained.batches import Epochs
from trained.classifier import Classifier, ClassifierModel
from trained.classifier_config import ClassifierConfig
from trained.classifier_data import N_CLASSES, data_set
from trained.process import precision
from trained.schedule import cosine, set_rate
from trained.training import AbstractTrainer

SPLIT_SEED = 20230517  # fixed: which images are held out is part of the protocol, not of a run
EVALUATION_BATCH = 250


class ClassifierTrainer(AbstractTrainer):
    """Adam on the squared error between every class's rate and 1 for the true class, 0 for the others."""

    decisive = tuple(
        f"trained/{name}.py"
        for name in (
            *("batches", "classifier", "classifier_config", "classifier_data", "classifier_training"),
            *("input_map", "max_pool", "schedule"),
        )
    )
    draws_sheet = False
    config: ClassifierConfig
    model: ClassifierModel

    def __init__(self, config: ClassifierConfig, seed: int):
        super().__init__(config, seed)
        self.model = ClassifierModel(config, seed)
        self.data = data_set(config.dataset)
        found = self.data.load("train")
        order = torch.randperm(len(found.labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
        if 2 * config.n_validation > len(order):
            raise ValueError(
                f"n_validation is {config.n_validation} of {len(order)} training images; at most half may be held out."
            )
        held, kept = order[: config.n_validation], order[config.n_validation :]
        self.images, self.labels = found.images[kept], found.labels[kept]
        self.validation = found.images[held], found.labels[held]
        self.epochs = Epochs(len(kept), config.batch_size, seed)
        rate = config.learning_rate
        self.optimisers = {"all": torch.optim.Adam(self.model.classifier.parameters(), lr=rate)}
        self.replicas = {"classifier": self.model.classifier}

    def advance(self) -> dict[str, float]:
        """Do one update; where it is due, measure the validation accuracy and keep the weights if it is the highest."""
        self.model.classifier.train()
        set_rate(self.optimisers["all"], cosine(self.update, self.config.cosine_updates))
        chosen = self.epochs.batch(self.update)
        images = self.images[chosen]
        if self.config.augmentation:
            images = self.data.vary(images, self.random, self.config.augmentation)
        images, labels = self.here(images), self.here(self.labels[chosen])
        with precision(self.config.precision, self.device.type):
            rates = self.replicas["classifier"](images, self.random).float()
        target = nn.functional.one_hot(labels, N_CLASSES).to(rates.dtype)
        loss = nn.functional.mse_loss(rates, target)
        self.descend("all", loss, "squared error of rates")
        self.update += 1
        if self.update % self.config.validate_every == 0:
            self._select()
        right = self.value((rates.argmax(1) == labels).float().mean())
        accuracy = self.model.validation_accuracy.item()
        return {"loss": self.value(loss), "batch_accuracy": right, "validation_accuracy": accuracy}

    def _select(self) -> None:
        model = self.model
        accuracy = count_right(model.classifier, *self.validation) / self.config.n_validation
        model.validation_accuracy.fill_(accuracy)
        if accuracy > model.selected_accuracy.item():
            model.selected.load_state_dict(model.classifier.state_dict())
            model.selected_accuracy.fill_(accuracy)
            model.selected_update.fill_(self.update)

    def finished(self) -> ClassifierModel:
        """Return a copy in evaluation mode; weights that were never measured on validation images are selected."""
        model = ClassifierModel(self.config, self.seed)
        model.load_state_dict(self.model.state_dict())
        if not model.selected_update:
            model.selected.load_state_dict(model.classifier.state_dict())
        return model.eval()


@torch.no_grad()
def count_right(
    classifier: Classifier, images: Float[Tensor, "n channel y x"], labels: Int[Tensor, " n"]
) -> int:
    """Return how many images have their largest rate at the true class, in evaluation mode; a tie goes to the first."""
    device = next(classifier.parameters()).device
    classifier.eval()
    batches = zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True)
    return sum(int((classifier(x.to(device)).argmax(1) == y.to(device)).sum()) for x, y in batches)

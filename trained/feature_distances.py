"""FID, KID and IS through torchmetrics: on Inception's features where its weights are given, or on a classifier's of ours.

The published FIDs of SGAD, FSVAE, ESVAE and TAID rest on Inception's weights, which no package brings: without the file
they cannot be computed again.
"""

from __future__ import annotations

import abc
import warnings
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from study.files import require_file
from trained.classifier import ClassifierModel
from trained.data import split_images
from trained.measures import Row, row
from trained.model import AbstractModel
from trained.runs import load_model

INSTALL = "pip install 'spiking-generators-mouse[metrics]'"
WEIGHTS = "weights-inception-2015-12-05-6726825d.pth, from the releases of github.com/toshas/torch-fidelity"
KID_SUBSETS, KID_SUBSET = 100, 1000  # torch-fidelity's and torchmetrics' defaults
IS_SPLITS = 10
BATCH = 50


class AbstractExtractor(abc.ABC):
    """From images to the features that are compared."""

    name: str
    n_features: int

    @abc.abstractmethod
    def __call__(
        self, images: Float[Tensor, "batch colour y x"]
    ) -> tuple[Float[Tensor, "batch feature"], Float[Tensor, "batch class"] | None]:
        """Return (features, logits of classes or None) of images in [0, 1]."""


class Inception(AbstractExtractor):
    """Inception v3 as the FID is defined on it (2015-12-05), through torchmetrics and torch-fidelity.

    Gray images are repeated to three channels, pixels rounded to 8 bits and resized to 299 x 299 with antialiasing.

    Parameters
    ----------
    path : path
        Its weights, a state dictionary.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent or holds something else, or torch-fidelity is not installed.
    """

    name = "Inception v3 (2015-12-05)"
    n_features = 2048

    def __init__(self, path: str | Path) -> None:
        path = require_file(Path(path), "Inception weights", f"--inception takes {WEIGHTS}")
        _torchmetrics()
        try:
            from torchmetrics.image.fid import NoTrainInceptionV3

            torch.load(path, weights_only=True)  # refuses code, which torch-fidelity's own reading would run
            layers = ["2048", "logits_unbiased"]
            self._network = NoTrainInceptionV3("inception-v3-compat", layers, str(path))
        except ModuleNotFoundError as error:
            raise ValueError(f"--inception needs torch-fidelity: {INSTALL} ({error}).") from error
        except Exception as error:  # torch raises half a dozen types for a damaged file
            reason = str(error).splitlines()[0]
            raise ValueError(f"{path} is not Inception's weights ({reason}); it takes {WEIGHTS}.") from error

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the 2048 features and the logits of 1008 classes without bias."""
        pixels = (images.expand(-1, 3, -1, -1) * 255).round().byte()
        with torch.no_grad():
            features, logits = self._network._torch_fidelity_forward(pixels)
        return features, logits


class ClassifierFeatures(AbstractExtractor):
    """The mean rates of the dense layer before the voters of a spiking classifier that was trained here.

    Images are resized bilinearly to the classifier's side.

    Parameters
    ----------
    run : path
        Its run folder.

    Raises
    ------
    ValueError
        If the run is of another family.
    """

    def __init__(self, run: str | Path) -> None:
        model = load_model(run)
        if not isinstance(model, ClassifierModel):
            raise ValueError(
                f"{run} holds a {model.config.family}; --classifier needs the run of a classifier."
            )
        _torchmetrics()
        self._classifier, self._config = model.selected.eval(), model.config
        self.n_features = model.config.n_hidden
        self.name = f"dense layer of {model.label}"

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """Return rates, spikes per step; no logits, for rates of voters are none."""
        colours, side = self._classifier.input_shape[0], self._config.image_size
        if images.shape[1] != colours:
            raise ValueError(
                f"images have {images.shape[1]} colours, {self.name} takes {colours}; give another --classifier."
            )
        if images.shape[-1] != side:
            images = nn.functional.interpolate(images, side, mode="bilinear", align_corners=False)
        with torch.no_grad():
            return self._classifier.states(images)["dense"].mean(0), None


def feature_distances(model: AbstractModel, n_samples: int, extractor: AbstractExtractor) -> list[Row]:
    """Return FID and KID of generated images to the test split, and the IS where the extractor gives logits.

    Raises
    ------
    ValueError
        If the model makes no images or its data set has no test split.
    FileNotFoundError
        If that is not at hand.
    """
    real = [extractor(x) for x in split_images(model.config, "test").split(BATCH)]
    made = [extractor(x) for x in model.sample(n_samples, model.seed).split(BATCH)]
    theirs, ours = (torch.cat([found for found, _ in parts]).double() for parts in (real, made))
    n_real, n = len(theirs), len(ours)
    against = f"{extractor.name}, against {n_real} test images"
    rows = [row("FID", _fid(theirs, ours), n, against)]
    subset = min(KID_SUBSET, n_real, n)
    mean, spread = _kid(theirs, ours, subset, model.seed)
    of = f"{against}, {KID_SUBSETS} subsets of {subset}, standard deviation over them {spread:.3g}"
    rows.append(row("KID", mean, n, of))
    if made[0][1] is not None:
        logits = torch.cat([found for _, found in made if found is not None])
        mean, spread = _inception_score(logits.double(), model.seed)
        of = f"{extractor.name}, {IS_SPLITS} splits, standard deviation over them {spread:.3g}"
        rows.append(row("IS", mean, n, of))
    return rows


class _Given(nn.Module):
    """Takes features for images: they are computed once, for all metrics."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.num_features = n_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def _torchmetrics() -> None:
    """Raise ValueError if torchmetrics cannot be imported."""
    try:
        import torchmetrics.image  # noqa: F401  slow to import, and optional
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch raises RuntimeError
        raise ValueError(f"FID, KID and IS need torchmetrics: {INSTALL} ({error}).") from error


def _fid(real: Tensor, made: Tensor) -> float:
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Given(real.shape[1]))
    metric.update(real, real=True)
    metric.update(made, real=False)
    return metric.compute().item()


def _kid(real: Tensor, made: Tensor, subset: int, seed: int) -> tuple[float, float]:
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that features are kept
        metric = KernelInceptionDistance(_Given(real.shape[1]), KID_SUBSETS, subset)
    metric.update(real, real=True)
    metric.update(made, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the subsets
        mean, spread = metric.compute()
    return mean.item(), spread.item()


def _inception_score(logits: Tensor, seed: int) -> tuple[float, float]:
    from torchmetrics.image.inception import InceptionScore

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        metric = InceptionScore(_Given(logits.shape[1]), IS_SPLITS)
    metric.update(logits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the splits
        mean, spread = metric.compute()
    return mean.item(), spread.item()

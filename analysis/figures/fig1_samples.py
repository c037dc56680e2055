"""Figure 1: images decoded from the same latents by torch and by Brian2."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.footer import add_footer
from analysis.model_rdms import CONTROL
from analysis.results import NothingToDrawError, ResponseFile, Results
from study.netcdf import read_group, require_variable
from study.responses import HINT

CAPTION = (
    "Images that generators decode from the same latents, in torch and in Brian2. Right: largest difference of a gray "
    "value from torch (or from the first row of images shown) over all stimuli; 0 means that every pixel is the same. "
    "Where latents were searched for given images, these stand above them."
)
N_IMAGES, MAX_MODELS = 10, 3


def draw(results: Results) -> Figure:
    """Draw one block of rows per generator, one row per level."""
    models = _generators(results)
    inversions = results.inversions
    n_rows = sum(len(files) + (model in inversions) for model, files in models.items())
    height = 0.55 * n_rows + 0.25 * len(models) + 0.4
    figure = Figure(figsize=(7, height))
    row_height, top = 0.55 / height, 1 - 0.1 / height
    for model, files in models.items():
        top -= 0.22 / height
        figure.text(0.09, top + 0.05 / height, model, weight="bold")
        if model in inversions:
            top -= row_height
            _row(figure, inversions[model]["target"].values, "asked for", top, row_height)
        reference = decoded_images(files[0])
        for file in files:
            top -= row_height
            images = decoded_images(file)
            _row(figure, images, file.level, top, row_height)
            _difference(figure, file, files[0], images, reference, top + row_height / 2)
    add_footer(figure, results)
    return figure


def _generators(results: Results) -> dict[str, list[ResponseFile]]:
    """Return the files of the generators with the most levels, in order of their names."""
    files = [f for f in results.responses if f.network == "generator"]
    models = {name: list(group) for name, group in itertools.groupby(files, key=lambda f: f.model)}
    if not models:
        raise NothingToDrawError(
            f"{results.root / 'responses'} holds no responses of a generator; {HINT} or with `python -m trained`."
        )
    most = max(map(len, models.values()))
    full = [name for name, group in models.items() if len(group) == most]
    chosen = sorted(full, key=lambda name: CONTROL in name)[:MAX_MODELS]
    return {name: models[name] for name in chosen}


def decoded_images(file: ResponseFile) -> np.ndarray:
    """Return decoded images (stimulus, y, x) or (stimulus, y, x, 3) of the first repeat.

    The `shape` attribute of the readout group says (channel, y, x); without it, images are taken as square and gray.
    """
    readout = read_group(file.path, "responses", HINT, group="readout")
    images = require_variable(readout, "image", ("stimulus", "repeat", "unit"), file.path)[:, 0]
    side = round(np.sqrt(images.shape[1]))
    shape = tuple(int(n) for n in np.atleast_1d(readout.attrs.get("shape", (1, side, side))))
    if len(shape) != 3 or np.prod(shape) != images.shape[1]:
        raise ValueError(
            f"{file.path}: {images.shape[1]} pixels do not make images of the shape {shape}; write the shape "
            "(channel, y, x) of the image into the attributes of the group `readout`."
        )
    square = images.reshape(-1, *shape)
    return square[:, 0] if shape[0] == 1 else np.moveaxis(square, 1, -1)


def _row(figure: Figure, images: np.ndarray, level: str, bottom: float, height: float) -> None:
    shown = np.linspace(0, len(images) - 1, min(N_IMAGES, len(images))).astype(int)
    width = 0.5 / figure.get_figwidth()
    for column, index in enumerate(shown):
        axes = figure.add_axes((0.09 + column * 1.06 * width, bottom, width, height * 0.94))
        axes.imshow(images[index], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.axis("off")
    figure.text(0.08, bottom + height / 2, level, ha="right", va="center")


def _difference(
    figure: Figure,
    file: ResponseFile,
    first: ResponseFile,
    images: np.ndarray,
    reference: np.ndarray,
    middle: float,
) -> None:
    if file is first:
        text = "reference"
    elif images.shape != reference.shape:
        text = "other stimuli"
    else:
        largest = np.abs(images.astype(np.float64) - reference).max()
        text = "max |Δ| = 0" if largest == 0 else f"max |Δ| = {largest:.2g}"
    figure.text(0.09 + N_IMAGES * 0.53 / figure.get_figwidth() + 0.01, middle, text, va="center", fontsize=7)

"""The natural scenes that the mice saw, as input of a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from analysis.nwb import open_nwb, read
from analysis.presentations import BLANK
from analysis.screen import FULL_SCENE, GRAY, view
from study.commands import unknown
from study.provenance import provenance
from study.stimuli import Stimuli

ITEM = "allen-natural-scenes"
N_SCENES = 118
SCENE_SHAPE = (92, 117)
FITS = ("crop", "squash")
CITATION = (
    "Natural scenes: de Vries et al. 2020, doi 10.1038/s41593-019-0550-9, (c) Allen Institute, "
    "box-filtered from 918x1174 pixels; non-commercial use."
)
FULL_CITATION = CITATION.replace(", box-filtered from 918x1174 pixels", "")
STAND_IN = "118 patches of the photographs that ship inside scikit-image and scikit-learn (stand-ins for the Allen scenes)"


def area_weights(n_in: int, n_out: int) -> np.ndarray:
    """Return the matrix that averages n_in pixels into n_out equal stretches, fractions of pixels included.

    Parameters
    ----------
    n_in, n_out : int

    Returns
    -------
    array, (n_out, n_in)
        Every row sums to 1.
    """
    edges = np.arange(n_out + 1) * n_in / n_out
    pixel = np.arange(n_in)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.maximum(overlap, 0) * n_out / n_in


def area_resize(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return images averaged over areas (no interpolation, no aliasing): (image, y, x) to (image, height, width)."""
    vertical = area_weights(images.shape[1], height)
    horizontal = area_weights(images.shape[2], width)
    return vertical @ images @ horizontal.T


def fit_images(images: np.ndarray, size: int, fit: str) -> np.ndarray:
    """Return images as squares of `size` pixels.

    Parameters
    ----------
    images : array, (image, y, x), in [0, 1]
    size : int
        4 pixels or more, at most the shorter side.
    fit : "crop" or "squash"
        "crop" takes the centred square of the shorter side, which keeps the aspect ratio; "squash" takes the whole
        image and changes it.

    Returns
    -------
    array, (image, size, size), in [0, 1]

    Raises
    ------
    ValueError
        For an unknown fit or an impossible size.
    """
    if fit not in FITS:
        raise unknown("fit", fit, FITS)
    height, width = images.shape[1:]
    side = min(height, width)
    if not 4 <= size <= side:
        raise ValueError(f"size is {size} pixels; allowed is 4 to {side}, the scenes' shorter side.")
    if fit == "crop":
        top, left = (height - side) // 2, (width - side) // 2
        images = images[:, top : top + side, left : left + side]
    return np.clip(area_resize(images, size, size), 0, 1)


def find_scenes() -> np.ndarray | None:
    """Return the Allen scenes (118, 92, 117) in [0, 1], or None where the data manifest finds none."""
    from study.images import load_scenes
    from study.manifest import find

    return None if find(ITEM) is None else load_scenes() / 255.0


def stand_in_scenes() -> np.ndarray:
    """Return 118 patches (118, 92, 117) in [0, 1] of photographs that ship inside Python packages.

    The patches lie on a regular grid and are taken in turn from all photographs; nothing is drawn at random.
    """
    from study.images import photographs

    height, width = SCENE_SHAPE
    pools = []
    for _, photograph in photographs():
        rows = range(0, photograph.shape[0] - height + 1, height)
        columns = range(0, photograph.shape[1] - width + 1, width)
        pools.append([photograph[y : y + height, x : x + width] for y in rows for x in columns])
    patches = [pool[k] for k in range(max(map(len, pools))) for pool in pools if k < len(pool)]
    if len(patches) < N_SCENES:
        raise ValueError(
            f"the photographs give {len(patches)} patches of {height}x{width} pixels; {N_SCENES} are needed."
        )
    return np.clip(np.stack(patches[:N_SCENES]), 0, 1)


def read_full_scenes(path: str | Path) -> np.ndarray:
    """Return the scenes (118, 918, 1174) in [0, 1] at full resolution, from an NWB 1 file of a session with scenes."""
    with open_nwb(path) as file:
        name = "stimulus/templates/natural_scenes_image_stack/data"
        kind = "a 2-photon session of the Allen Brain Observatory (NWB 1) with natural scenes"
        scenes = read(file, name, kind, "give another file with --nwb, or none", axes=3)
    if scenes.shape != (N_SCENES, *FULL_SCENE):
        raise ValueError(
            f"{path}: the scenes have the shape {scenes.shape}; {(N_SCENES, *FULL_SCENE)} is needed."
        )
    return np.asarray(scenes / 255.0)


def with_gray(images: np.ndarray) -> np.ndarray:
    """Return images (image, y, x) and the gray screen after them, so that the index -1 is that of its frame number."""
    return np.concatenate([images, np.full((1, *images.shape[1:]), GRAY)])


def match_means(images: np.ndarray) -> np.ndarray:
    """Return images (image, y, x) moved to the mean luminance of all of them; what leaves [0, 1] is cut off."""
    return np.clip(images - images.mean(axis=(1, 2), keepdims=True) + images.mean(), 0, 1)


def normalise_images(images: np.ndarray) -> np.ndarray:
    """Return images with the mean of all and the mean contrast (standard deviation) of all; cut off at 0 and 1."""
    spread = images.std(axis=(1, 2), keepdims=True)
    unit = (images - images.mean(axis=(1, 2), keepdims=True)) / np.where(spread > 0, spread, 1)
    return np.clip(unit * spread.mean() + images.mean(), 0, 1)


LUMINANCE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as-is": np.asarray,
    "mean-matched": match_means,
    "contrast-normalised": normalise_images,
}


@dataclasses.dataclass(frozen=True)
class SceneChoices:
    """How a network is shown the scenes.

    Parameters
    ----------
    size : int
        Pixels per side.
    fit : "crop" or "squash"
    view : str
        One of `screen.VIEWS`: the scene alone, on the gray screen, spherically warped, or what of it was seen.
    luminance : str
        One of `LUMINANCE`; done last, on what the network is shown.
    nwb : path, optional
        Take the scenes at full resolution from this session.
    gray : bool
        Add the gray screen between scenes as stimulus -1, whatever the other choices.
    """

    size: int = 32
    fit: str = "crop"
    view: str = "scene"
    luminance: str = "as-is"
    nwb: Path | None = None
    gray: bool = False


def show(scenes: np.ndarray, choices: SceneChoices) -> np.ndarray:
    """Return scenes (image, y, x) in [0, 1] as the network is shown them: (image, size, size) in [0, 1]."""
    if choices.luminance not in LUMINANCE:
        raise unknown("luminance", choices.luminance, LUMINANCE)
    fitted = [fit_images(view(scene, choices.view)[None], choices.size, choices.fit)[0] for scene in scenes]
    return LUMINANCE[choices.luminance](np.stack(fitted))


def scene_stimuli(choices: SceneChoices = SceneChoices()) -> Stimuli:
    """Return the scenes as stimuli, numbered 0 to 117, and the gray screen where asked for, numbered -1.

    Stand-ins where the Allen scenes are not at hand.
    """
    scenes = find_scenes() if choices.nwb is None else read_full_scenes(choices.nwb)
    simulated = scenes is None
    images = show(stand_in_scenes() if scenes is None else scenes, choices)
    frames = np.arange(N_SCENES)
    if choices.gray:
        images, frames = with_gray(images), np.append(frames, BLANK)
    config = {k: v for k, v in dataclasses.asdict(choices).items() if k != "nwb"}
    facts = provenance(config, {} if choices.nwb is None else {"scenes": choices.nwb})
    facts.update(
        simulated=str(simulated).lower(),
        source=STAND_IN if simulated else "Allen natural scenes",
        citation="" if simulated else (CITATION if choices.nwb is None else FULL_CITATION),
        **{name: str(value).lower() for name, value in config.items()},
    )
    return Stimuli(images, frames, attributes=facts)

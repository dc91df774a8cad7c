"""The table of torchvision's classification sets.

A test holds it against torchvision. Counts and sizes are those of the sets' makers; once a set is decoded, the cache
knows better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lazytrain.engine.data.vision.vision_set import Options, VisionSet

DIGITS = tuple("0123456789")
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_PCAM = tuple(f"camelyonpatch_level_2_split_{part}_{kind}" for part in ("train", "test") for kind in "xy")

_BY_FLAG: tuple[Options, Options] = ({"train": True}, {"train": False})
_BY_SPLIT: tuple[Options, Options] = ({"split": "train"}, {"split": "test"})


def _beneath(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


def _mnist(name: str, megabytes: int, classes: tuple[str, ...] = DIGITS) -> VisionSet:
    files = _beneath(
        f"{name}/raw",
        *("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    )
    return VisionSet(
        name=name,
        num_train=60_000,
        num_test=10_000,
        num_classes=10,
        files=files,
        archives=tuple(f"{file}.gz" for file in files),
        parts=_BY_FLAG,
        classes=classes,
        size=28,
        grey=True,
        megabytes=megabytes,
    )


def _qmnist() -> VisionSet:
    files = _beneath(
        "QMNIST/raw",
        *("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"),
        *("qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"),
    )
    mnist = _mnist("QMNIST", 22)
    return replace(mnist, num_test=60_000, files=files, archives=tuple(f"{file}.gz" for file in files))


def _emnist(split: str, num_train: int, num_test: int, num_classes: int, classes: tuple[str, ...] = ()) -> VisionSet:
    files = (
        f"emnist-{split}-{part}-{kind}-ubyte" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1")
    )
    return VisionSet(
        name=f"EMNIST:{split}",
        num_train=num_train,
        num_test=num_test,
        num_classes=num_classes,
        files=_beneath("EMNIST/raw", *files),
        archives=("EMNIST/raw/gzip.zip",),
        parts=tuple({"split": split, **flag} for flag in _BY_FLAG),
        classes=classes,
        size=28,
        grey=True,
        megabytes=562,
        # torchvision's first class of the letters is "N/A", and has no images.
        first_label=1 if split == "letters" else 0,
        sideways=True,
    )


def _cifar(number: int, megabytes: int, folder: str, files: tuple[str, ...], classes: tuple[str, ...]) -> VisionSet:
    return VisionSet(
        name=f"CIFAR{number}",
        num_train=50_000,
        num_test=10_000,
        num_classes=number,
        files=_beneath(folder, *files),
        archives=(f"cifar-{number}-python.tar.gz",),
        parts=_BY_FLAG,
        classes=classes,
        size=32,
        megabytes=megabytes,
    )


def _aircraft(level: str, num_classes: int) -> VisionSet:
    return VisionSet(
        name="FGVCAircraft" if level == "variant" else f"FGVCAircraft:{level}",
        num_train=6_667,
        num_test=3_333,
        num_classes=num_classes,
        files=("fgvc-aircraft-2013b",),
        archives=("fgvc-aircraft-2013b.tar.gz",),
        parts=tuple({"split": split, "annotation_level": level} for split in ("trainval", "test")),
        megabytes=2_750,
    )


def _imagenette(size: str, megabytes: int) -> VisionSet:
    folder = "imagenette2" if size == "full" else f"imagenette2-{size.removesuffix('px')}"
    return VisionSet(
        name="Imagenette" if size == "full" else f"Imagenette:{size}",
        num_train=9_469,
        num_test=3_925,
        num_classes=10,
        files=(folder,),
        archives=(f"{folder}.tgz",),
        parts=tuple({"split": split, "size": size} for split in ("train", "val")),
        classes=(
            *("tench", "English springer", "cassette player", "chain saw", "church"),
            *("French horn", "garbage truck", "gas pump", "golf ball", "parachute"),
        ),
        megabytes=megabytes,
    )


def _pets(target: str, num_classes: int, classes: tuple[str, ...] = ()) -> VisionSet:
    return VisionSet(
        name="OxfordIIITPet" if target == "category" else f"OxfordIIITPet:{target}",
        num_train=3_680,
        num_test=3_669,
        num_classes=num_classes,
        files=_beneath("oxford-iiit-pet", "images", "annotations"),
        archives=_beneath("oxford-iiit-pet", "images.tar.gz", "annotations.tar.gz"),
        parts=tuple({"split": split, "target_types": target} for split in ("trainval", "test")),
        classes=classes,
        megabytes=811,
    )


_LIST = (
    _mnist("MNIST", 12),
    _mnist("FashionMNIST", 31, (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )),
    _mnist("KMNIST", 21, ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
    _qmnist(),
    _emnist("balanced", 112_800, 18_800, 47),
    _emnist("byclass", 697_932, 116_323, 62),
    _emnist("bymerge", 697_932, 116_323, 47),
    _emnist("digits", 240_000, 40_000, 10, DIGITS),
    _emnist("letters", 124_800, 20_800, 26, tuple("abcdefghijklmnopqrstuvwxyz")),
    _emnist("mnist", 60_000, 10_000, 10, DIGITS),
    VisionSet(
        name="USPS",
        num_train=7_291, num_test=2_007, num_classes=10,
        files=("usps.bz2", "usps.t.bz2"),
        parts=_BY_FLAG,
        classes=DIGITS, size=16, grey=True, megabytes=8,
    ),
    VisionSet(
        name="SEMEION",
        num_train=1_279, num_test=314, num_classes=10,
        files=("semeion.data",),
        parts=({},), labels="labels",
        classes=DIGITS, size=16, grey=True, megabytes=3,
    ),
    _cifar(
        10, 170, "cifar-10-batches-py",
        (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"), CIFAR10_CLASSES,
    ),
    _cifar(100, 169, "cifar-100-python", ("train", "test", "meta"), ()),
    VisionSet(
        name="SVHN",
        num_train=73_257, num_test=26_032, num_classes=10,
        files=("train_32x32.mat", "test_32x32.mat"),
        parts=_BY_SPLIT,
        classes=DIGITS, size=32, megabytes=246, needs=("scipy",),
    ),
    VisionSet(
        name="STL10",
        num_train=5_000, num_test=8_000, num_classes=10,
        # torchvision wants the unlabelled images to be there too.
        files=_beneath("stl10_binary", "train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "unlabeled_X.bin"),
        archives=("stl10_binary.tar.gz",),
        parts=_BY_SPLIT,
        classes=("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
        size=96, megabytes=2_640,
    ),
    VisionSet(
        name="Flowers102",
        num_train=1_020, num_test=6_149, num_classes=102,
        files=_beneath("flowers-102", "jpg", "imagelabels.mat", "setid.mat"),
        archives=_beneath("flowers-102", "102flowers.tgz", "imagelabels.mat", "setid.mat"),
        parts=_BY_SPLIT,
        megabytes=345, needs=("scipy",),
    ),
    _pets("category", 37),
    _pets("binary-category", 2, ("Cat", "Dog")),
    VisionSet(
        name="EuroSAT",
        num_train=21_600, num_test=5_400, num_classes=10,
        files=("eurosat/2750",),
        archives=("eurosat/EuroSAT.zip",),
        parts=({},), labels="targets",
        classes=(
            *("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial"),
            *("Pasture", "PermanentCrop", "Residential", "River", "SeaLake"),
        ),
        size=64, megabytes=94,
    ),
    VisionSet(
        name="GTSRB",
        num_train=26_640, num_test=12_630, num_classes=43,
        files=_beneath("gtsrb", "GTSRB/Training", "GTSRB/Final_Test/Images", "GT-final_test.csv"),
        archives=_beneath(
            "gtsrb", "GTSRB-Training_fixed.zip", "GTSRB_Final_Test_Images.zip", "GTSRB_Final_Test_GT.zip"
        ),
        parts=_BY_SPLIT,
        classes=(
            *(f"{speed} km/h" for speed in (20, 30, 50, 60, 70, 80)), "80 km/h ends", "100 km/h", "120 km/h",
            *("no passing", "no passing for lorries", "right of way", "priority road", "yield", "stop"),
            *("no vehicles", "no lorries", "no entry", "danger", "curve left", "curve right", "double curve"),
            *("bumpy road", "slippery road", "road narrows", "road work", "traffic lights", "pedestrians"),
            *("children", "bicycles", "ice and snow", "wild animals", "all limits end", "turn right", "turn left"),
            *("straight on", "straight or right", "straight or left", "keep right", "keep left", "roundabout"),
            *("passing allowed", "passing allowed for lorries"),
        ),
        megabytes=276,
    ),
    VisionSet(
        name="Food101",
        num_train=75_750, num_test=25_250, num_classes=101,
        files=_beneath("food-101", "meta", "images"),
        archives=("food-101.tar.gz",),
        parts=_BY_SPLIT,
        megabytes=5_000,
    ),
    VisionSet(
        name="DTD",
        num_train=1_880, num_test=1_880, num_classes=47,
        files=_beneath("dtd/dtd", "labels", "images"),
        archives=("dtd/dtd-r1.0.1.tar.gz",),
        parts=_BY_SPLIT,
        megabytes=625,
    ),
    VisionSet(
        name="StanfordCars",
        num_train=8_144, num_test=8_041, num_classes=196,
        files=_beneath("stanford_cars", "devkit", "cars_train", "cars_test", "cars_test_annos_withlabels.mat"),
        parts=_BY_SPLIT,
        needs=("scipy",), by_hand="its makers took it off their site",
    ),
    _aircraft("variant", 100),
    _aircraft("family", 70),
    _aircraft("manufacturer", 30),
    _imagenette("full", 1_557),
    _imagenette("320px", 342),
    _imagenette("160px", 99),
    VisionSet(
        name="PCAM",
        num_train=262_144, num_test=32_768, num_classes=2,
        files=_beneath("pcam", *(f"{name}.h5" for name in _PCAM)),
        archives=_beneath("pcam", *(f"{name}.h5.gz" for name in _PCAM)),
        parts=_BY_SPLIT,
        classes=("no tumour", "tumour"), size=96, megabytes=7_200, needs=("h5py",),
    ),
    VisionSet(
        name="Country211",
        num_train=31_650, num_test=21_100, num_classes=211,
        files=_beneath("country211", "train", "test"),
        archives=("country211.tgz",),
        parts=_BY_SPLIT,
        megabytes=11_400,
    ),
    VisionSet(
        name="RenderedSST2",
        num_train=6_920, num_test=1_821, num_classes=2,
        files=_beneath("rendered-sst2", "train", "test"),
        archives=("rendered-sst2.tgz",),
        parts=_BY_SPLIT,
        classes=("negative", "positive"), size=448,
    ),
    VisionSet(
        name="FER2013",
        num_train=28_709, num_test=7_178, num_classes=7,
        files=("fer2013/fer2013.csv",),
        parts=_BY_SPLIT,
        classes=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
        size=48, grey=True, by_hand="Kaggle gives it only to those who are signed in",
    ),
    VisionSet(
        name="Caltech101",
        num_train=6_982, num_test=1_695, num_classes=101,
        files=("caltech101/101_ObjectCategories",),
        archives=("caltech101/caltech-101.zip",),
        parts=({},), labels="y",
        megabytes=137, needs=("scipy",),
    ),
    VisionSet(
        name="Caltech256",
        num_train=24_588, num_test=6_019, num_classes=257,
        files=("caltech256/256_ObjectCategories",),
        archives=("caltech256/256_ObjectCategories.tar",),
        parts=({},), labels="y",
        megabytes=1_183,
    ),
)  # fmt: skip

SETS: Mapping[str, VisionSet] = {each.name: each for each in _LIST}
"""By name."""

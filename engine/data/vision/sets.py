"""torchvision's classification sets by name, and what is known of one before it is decoded, or after.

Without importing torchvision, which costs seconds.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from lazytrain.engine.data.vision.table import SETS
from lazytrain.engine.data.vision.vision_set import VisionSet

PREFIX = "torchvision:"
"""How such a dataset is written: `torchvision:FashionMNIST`."""


class NoSuchSet(LookupError):
    """torchvision has no such set, or none for classification; the message says which there are, or why not."""


def find_set(name: str) -> VisionSet:
    """The set written `torchvision:<name>`. Raises NoSuchSet."""
    if name in SETS:
        return SETS[name]
    if name in REFUSED:
        raise NoSuchSet(REFUSED[name])
    variants = [other for other in SETS if other.startswith(f"{name}:")]
    if variants:
        raise NoSuchSet(f"it has {len(variants)} variants: write {', '.join(PREFIX + other for other in variants)}")
    lower = {other.lower(): other for other in (*SETS, *REFUSED)}
    near = difflib.get_close_matches(name.lower(), lower, n=1)
    hint = f"did you mean {PREFIX}{lower[near[0]]}? " if near else ""
    raise NoSuchSet(f"{hint}there are {', '.join(SETS)}")


_OWN_FOLDER = "make a folder of its images, as {train,test}/<class>/, and write folder:<path>"

REFUSED: Mapping[str, str] = {
    name: reason
    for reason, names in (
        (
            "it is for finding objects in images, not for classifying them",
            ("CocoDetection", "VOCDetection", "Kitti", "WIDERFace"),
        ),
        ("it is for describing images, not for classifying them", ("CocoCaptions", "SBU", "Flickr8k", "Flickr30k")),
        ("it labels pixels, not images", ("VOCSegmentation", "SBDataset", "Cityscapes")),
        ("it is of videos", ("Kinetics", "HMDB51", "UCF101", "MovingMNIST")),
        ("it is for optical flow", ("KittiFlow", "Sintel", "FlyingChairs", "FlyingThings3D", "HD1K")),
        (
            "it is for stereo vision",
            (
                *("Kitti2012Stereo", "Kitti2015Stereo", "CarlaStereo", "Middlebury2014Stereo", "CREStereo"),
                *("FallingThingsStereo", "SceneFlowStereo", "SintelStereo", "InStereo2k", "ETH3DStereo"),
            ),
        ),
        ("it is of pairs of images", ("LFWPairs", "PhotoTour")),
        ("its images have many labels each", ("CelebA",)),
        ("its test part has no labels", ("CLEVRClassification", "LSUN", "LSUNClass")),
        ("its test part has other classes than its training part", ("Omniglot", "LFWPeople")),
        ("it is noise", ("FakeData",)),
        (f"it is no set of its own: {_OWN_FOLDER}", ("ImageFolder", "DatasetFolder", "VisionDataset")),
        (f"it is too large to be fetched in passing: {_OWN_FOLDER}", ("Places365", "INaturalist", "SUN397")),
        (f"it can't be downloaded without signing in: {_OWN_FOLDER}", ("ImageNet",)),
    )
    for name in names
}
"""What else torchvision has, and why it can't be trained on by its name."""

"""Images that this driver has put into the cluster, each set once."""

from __future__ import annotations

import platform
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from lazytrain.engine.cluster.messages import Whereabouts
from lazytrain.engine.cluster.node_data import arrays_of, facts_of, from_arrays
from lazytrain.engine.data.loading import Dataset

MOST_SETS = 4
"""That are kept for the next run; those at work are kept by it."""


class SharedData:
    """Put in by any thread, by the checksum of the images."""

    def __init__(self, home: Path, data: Path) -> None:
        self.whereabouts = Whereabouts(host=platform.node(), home=str(home), data=str(data))
        self._references: OrderedDict[str, Any] = OrderedDict()
        self._putting = threading.Lock()

    def share(self, dataset: Dataset) -> Dataset:
        """The same images, in memory that is shared with all runs of this node; as it is where it isn't in memory."""
        import ray

        if not dataset.resident:
            return dataset
        with self._putting:
            reference = self._references.get(dataset.checksum)
            if reference is None:
                reference = ray.put(arrays_of(dataset))
            self._references[dataset.checksum] = reference
            self._references.move_to_end(dataset.checksum)
            if len(self._references) > MOST_SETS:
                self._references.popitem(last=False)
        return from_arrays(ray.get(reference), facts_of(dataset))

    def reference(self, dataset: Dataset) -> Any:
        """What a worker fetches the images by; None where they are too large to be sent."""
        import ray

        if not dataset.resident:
            return None
        with self._putting:
            reference = self._references.get(dataset.checksum)
        return ray.put(arrays_of(dataset)) if reference is None else reference

"""Images of a folder in a viewer, and which of them are most similar.

Requests name images by number, never by path, so that no other files are
served. Linked folders inside the folder belong to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mixmae.apis.image_input import list_inputs
from mixmae.fileio.shown_text import shown_line

# Only so many images of a folder are shown and compared.
MOST_IMAGES = 2000
NEIGHBOURS = 12


class ImageFolder:
    """List of images, and their features, computed in the background.

    Raises:
        ValueError: The folder has no images.
    """

    def __init__(self, folder: str | os.PathLike | None) -> None:
        inputs = list_inputs(os.fspath(folder)) if folder else []
        self.paths = [Path(given.name) for given in inputs[:MOST_IMAGES]]
        self.names = [shown_line(path.name) for path in self.paths]
        self._features: list[dict[int, Tensor]] = []
        self._stop = Event()

    def path(self, number: object) -> Path:
        """Path of an image.

        Raises:
            ValueError: There is no image of this number.
        """
        if (
            isinstance(number, int)
            and not isinstance(number, bool)
            and 0 <= number < len(self.paths)
        ):
            return self.paths[number]
        raise ValueError(f'there is no image {number}')

    def index(
        self, embeddings: list[Callable[[Path], Tensor]], lock: Lock
    ) -> None:
        """Start to compute the features of all images.

        Args:
            embeddings: Function of each network, from a path to a feature.
            lock: Held while a network is used.
        """
        self._features = [{} for _ in embeddings]

        def run() -> None:
            for number, path in enumerate(self.paths):
                for found, embedding in zip(
                    self._features, embeddings, strict=True
                ):
                    if self._stop.is_set():
                        return
                    with lock:
                        try:
                            found[number] = embedding(path)
                        except (ValueError, OSError):
                            # Not readable: it has no neighbours.
                            continue

        Thread(target=run, daemon=True).start()

    def stop(self) -> None:
        """End the computation of features."""
        self._stop.set()

    @property
    def indexed(self) -> int:
        """Number of images whose features are known."""
        return min((len(found) for found in self._features), default=0)

    def neighbours(self, network: int, feature: Tensor) -> list[dict]:
        """Most similar images, ``id``, ``name`` and ``similarity`` of each.

        Cosine similarity of the features minus their mean over the folder:
        what all images have in common tells none of them apart.
        """
        known = dict(self._features[network]) if self._features else {}
        if not known:
            return []
        numbers = list(known)
        features = torch.stack(list(known.values()))
        # The mean of fewer is not what they have in common.
        mean = features.mean(0) * (len(numbers) > 2)
        similarity = normalize(features - mean) @ normalize(
            feature - mean, dim=0
        )
        best = similarity.topk(min(NEIGHBOURS, len(numbers)))
        return [
            {
                'id': numbers[i],
                'name': self.names[numbers[i]],
                'similarity': round(value, 4),
            }
            for value, i in zip(best.values.tolist(), best.indices.tolist())
        ]

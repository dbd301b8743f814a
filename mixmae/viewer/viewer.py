"""Answers of a viewer, without HTTP."""

from __future__ import annotations

import base64
import binascii
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from torch import Tensor

from mixmae.apis.trained_network import network_config
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.fileio.address import public_address
from mixmae.viewer.viewed_folder import ImageFolder
from mixmae.viewer.viewed_network import ViewedNetwork
from mixmae.viewer.viewed_pretraining import ViewedPretraining
from mixmae.viewer.viewed_task import ViewedTask


def viewed_network(
    checkpoint: str | os.PathLike, device: str | None = None
) -> ViewedNetwork:
    """Open a checkpoint of a pretraining or a fine-tuning.

    Args:
        checkpoint: A file, or the folder of a run, for its best checkpoint.
        device: Such as 'cpu'; None = a GPU if there is one.

    Raises:
        ValueError: It is of neither kind, or cannot be read.
    """
    path = best_checkpoint(checkpoint)
    kind = str(network_config(None, path).model.get('type', ''))
    if not kind:
        raise ValueError(
            f'{public_address(path)} is a bare backbone, which predicts '
            f'nothing; give a checkpoint or the folder of its run'
        )
    if kind.rpartition('.')[2] == 'MaskedImageModel':
        return ViewedPretraining(path, device)
    return ViewedTask(path, device)


class Viewer:
    """Answers the requests of a viewer's page.

    Args:
        networks: Networks to show, one below the other.
    """

    def __init__(
        self, networks: Sequence[ViewedNetwork], folder: ImageFolder
    ) -> None:
        self.networks = list(networks)
        self.folder = folder
        # Networks are used by one request at a time.
        self.lock = Lock()
        folder.index(
            [partial(_embedding, network) for network in self.networks],
            self.lock,
        )

    def state(self, _: dict) -> dict[str, Any]:
        """Networks, images, and how many images have features."""
        return {
            'networks': [network.about() for network in self.networks],
            'images': self.folder.names,
            'indexed': self.folder.indexed,
        }

    def predict(self, request: dict) -> list[dict[str, Any]]:
        """Reconstructions or predictions of an image, by every network."""
        seed = _number(request, 'seed', 0, 2**31 - 1, whole=True)
        score = _number(request, 'score', 0, 1)
        ratio = request.get('ratio')
        if ratio is not None:
            ratio = _number(request, 'ratio', 0.01, 0.99)
        hidden = self._hidden(request)
        found = []
        with _image_file(request, self.folder) as path, self.lock:
            for network, cells in zip(self.networks, hidden, strict=True):
                if isinstance(network, ViewedTask):
                    found.append(network.predict(path, score))
                elif isinstance(network, ViewedPretraining):
                    image = network.load(path)
                    mask = network.mask(image, seed, ratio, cells)
                    partner = self._partner(network, request, image)
                    found.append(network.predict(image, partner, mask))
        return found

    def similarity(self, request: dict) -> dict[str, Any]:
        """Similarity of the features at a point to all others."""
        network = self.networks[self._number(request)]
        y = _number(request, 'y', 0, 1)
        x = _number(request, 'x', 0, 1)
        with _image_file(request, self.folder) as path, self.lock:
            return network.similarity(network.load(path), y, x)

    def neighbours(self, request: dict) -> list[dict[str, Any]]:
        """Most similar images of the folder."""
        number = self._number(request)
        with _image_file(request, self.folder) as path, self.lock:
            feature = _embedding(self.networks[number], path)
        return self.folder.neighbours(number, feature)

    def thumbnail(self, number: int) -> bytes:
        """JPEG file of an image of the folder."""
        picture = self.networks[0].thumbnail(self.folder.path(number))
        file = io.BytesIO()
        picture.save(file, 'JPEG')
        return file.getvalue()

    def _number(self, request: dict) -> int:
        """Number of the network of a request."""
        last = len(self.networks) - 1
        return int(_number(request, 'network', 0, last, whole=True))

    def _hidden(self, request: dict) -> list[list[list[bool]] | None]:
        """Cells that were hidden by hand, for each network."""
        given = request.get('hidden')
        if given is None:
            return [None] * len(self.networks)
        if not isinstance(given, list) or len(given) != len(self.networks):
            raise ValueError('hidden must have one entry for each network')
        return [_cells(hidden) for hidden in given]

    def _partner(
        self, network: ViewedPretraining, request: dict, image: Tensor
    ) -> Tensor:
        """Another image of the folder, chosen by the seed, or the same."""
        count = len(self.folder.paths)
        if count < 2:
            return image
        number = request['seed'] % count
        if number == request.get('image'):
            number = (number + 1) % count
        try:
            other = network.load(self.folder.path(number))
        except (ValueError, OSError):
            return image
        return other if other.shape == image.shape else image


def _embedding(network: ViewedNetwork, path: Path) -> Tensor:
    return network.embedding(network.load(path))


@contextmanager
def _image_file(request: dict, folder: ImageFolder) -> Iterator[Path]:
    """Yield the image of a request: a number of the folder, or a file."""
    given = request.get('image')
    if isinstance(given, int):
        yield folder.path(given)
        return
    if not isinstance(given, str) or ',' not in given:
        raise ValueError('a request needs an image')
    try:
        content = base64.b64decode(given.split(',', 1)[1], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError('the image is not valid base64') from None
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / 'image'
        path.write_bytes(content)
        try:
            yield path
        except (ValueError, OSError) as error:
            text = str(error).replace(str(path), 'the given file')
            raise ValueError(text) from None


def _number(
    request: dict, name: str, low: float, high: float, whole: bool = False
) -> Any:
    value = request.get(name)
    kinds = (int,) if whole else (int, float)
    right = isinstance(value, kinds) and not isinstance(value, bool)
    if not right or not low <= value <= high:  # type: ignore[operator]
        raise ValueError(f'{name} must be a number in {low}..{high}')
    return value


def _cells(hidden: Any) -> list[list[bool]] | None:
    """Rows of cells that were hidden by hand."""
    if hidden is None:
        return None
    rows = isinstance(hidden, list) and 0 < len(hidden) <= 1024
    if not rows or not all(
        isinstance(row, list) and len(row) == len(hidden[0]) <= 1024
        for row in hidden
    ):
        raise ValueError('hidden must be lists of rows of equal length')
    return [[bool(cell) for cell in row] for row in hidden]

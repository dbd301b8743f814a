"""Number and names of the training images."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mmengine.dataset import BaseDataset

# Names are hashed in blocks of this size.
BLOCK = 10_000


@dataclass(frozen=True)
class ImageNames:
    """Images of a training set, in order.

    Attributes:
        count: Number of images.
        digest: SHA-256 of their names, without their common folder, and of
            their labels; ``None`` if the dataset has no file names.
    """

    count: int
    digest: str | None

    @classmethod
    def of(cls, dataset: Any) -> ImageNames:
        """Create from a dataset, or a wrapper of several.

        Takes about 2 s per million images.
        """
        count = len(dataset)
        digest = hashlib.sha256()
        for part in _parts(dataset):
            records = _records(part)
            if records is None or not _add(digest, records):
                return cls(count, None)
        return cls(count, digest.hexdigest())


def _parts(dataset: Any) -> Iterator[Any]:
    parts = getattr(dataset, 'datasets', None)
    inner = getattr(dataset, 'dataset', None)
    if isinstance(parts, (list, tuple)):
        for part in parts:
            yield from _parts(part)
    elif inner is not None:
        yield from _parts(inner)
    else:
        yield dataset


def _records(dataset: Any) -> Callable[[], Iterator[dict]] | None:
    """Return a function that iterates over the image records."""
    if not isinstance(dataset, BaseDataset):
        return None
    plain = type(dataset).get_data_info is BaseDataset.get_data_info
    # MMEngine keeps pickled records in one array.
    if plain and dataset.serialize_data and hasattr(dataset, 'data_address'):

        def unpickled() -> Iterator[dict]:
            data, start = memoryview(dataset.data_bytes), 0
            for end in dataset.data_address.tolist():
                yield pickle.loads(data[start:end])
                start = end

        return unpickled
    return lambda: (dataset.get_data_info(i) for i in range(len(dataset)))


def _add(digest: Any, records: Callable[[], Iterator[dict]]) -> bool:
    """Hash names and labels; return whether there are any."""
    first = last = None
    for record in records():
        name = record.get('img_path')
        if not isinstance(name, str):
            return False
        first = name if first is None else min(first, name)
        last = name if last is None else max(last, name)
    if first is None or last is None:
        return False
    # The common prefix of sorted names is that of the first and the last.
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    folder = first.rfind('/', 0, same) + 1
    block: list[str] = []
    for record in records():
        label = record.get('gt_label')
        label = '' if label is None else f'\t{label}'
        block.append(f'{record["img_path"][folder:]}{label}\n')
        if len(block) == BLOCK:
            digest.update(''.join(block).encode(errors='surrogatepass'))
            block = []
    digest.update(''.join(block).encode(errors='surrogatepass'))
    digest.update(b'\0')
    return True

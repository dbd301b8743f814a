"""Settings of a training that a resumed run is compared with."""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import pickle
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import mmengine
import torch
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner

import mixmae
from mixmae.config.option_values import plain_config
from mixmae.engine.loops.resumable_loops import LOADER_KEY, LoaderShape
from mixmae.fileio.safe_path import regular_file

# Names are hashed in blocks of this size.
BLOCK = 10_000
DIGESTS = ('digest', 'objects', 'content')
# Files of which the bytes are hashed, at least, and bytes read at once.
SAMPLED = 32
CHUNK = 2**20


@dataclass(frozen=True)
class ImageNames:
    """Images of a training set, in order.

    Attributes:
        count: Number of images.
        digest: SHA-256 of their names, without their common folder, and of
            their labels; ``None`` if the dataset has no file names.
        objects: SHA-256 of boxes, masks and names of label maps; ``None`` if
            there are none, or they are not known.
        content: SHA-256 of the bytes of some images and label maps, evenly
            spread; ``None`` if they are not files.
    """

    count: int
    digest: str | None
    objects: str | None = None
    content: str | None = None

    @classmethod
    def of(cls, dataset: Any) -> ImageNames:
        """Create from a dataset, or a wrapper of several.

        Takes about 2 s per million images, and more with objects.
        """
        count = len(dataset)
        digests = {name: hashlib.sha256() for name in DIGESTS}
        empty = digests['digest'].digest()
        for part in _parts(dataset):
            records = _records(part)
            if records is None or not _add(digests, records, len(part)):
                return cls(count, None)
        return cls(
            count,
            **{
                name: None if one.digest() == empty else one.hexdigest()
                for name, one in digests.items()
            },
        )

    @classmethod
    def read(cls, content: Any) -> ImageNames | None:
        """Read from a manifest; ``None`` if it has none."""
        if not isinstance(content, dict):
            return None
        count = content.get('count')
        if type(count) is not int:
            return None
        found = {name: content.get(name) for name in DIGESTS}
        return cls(
            count,
            **{k: v if isinstance(v, str) else None for k, v in found.items()},
        )


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


def _add(
    digests: Mapping[str, Any],
    records: Callable[[], Iterator[dict]],
    count: int,
) -> bool:
    """Hash names, labels and objects; return whether there are any names."""
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
    step = max(1, count // SAMPLED)
    for index, record in enumerate(records()):
        label = record.get('gt_label')
        label = '' if label is None else f'\t{label}'
        block.append(f'{record["img_path"][folder:]}{label}\n')
        if len(block) == BLOCK:
            digests['digest'].update(_joined(block))
            block = []
        _add_objects(digests['objects'], record)
        if index % step == 0:
            for name in ('img_path', 'seg_map_path'):
                _add_content(digests['content'], record.get(name))
    digests['digest'].update(_joined(block))
    digests['digest'].update(b'\0')
    return True


def _joined(block: list[str]) -> bytes:
    return ''.join(block).encode(errors='surrogatepass')


def _add_objects(digest: Any, record: Mapping[str, Any]) -> None:
    found = record.get('instances')
    path = record.get('seg_map_path')
    if isinstance(path, str):
        digest.update(f'{os.path.basename(path)}\n'.encode(errors='replace'))
    # Values of other types than JSON's and arrays are not compared.
    with suppress(ValueError):
        if isinstance(found, list):
            # Version 2 has no references: equal values give equal bytes.
            digest.update(marshal.dumps(found, 2))


def _add_content(digest: Any, path: Any) -> None:
    # The loaders report files that cannot be read.
    with suppress(OSError, ValueError):
        if isinstance(path, str):
            with open(path, 'rb', opener=regular_file) as file:
                while block := file.read(CHUNK):
                    digest.update(block)


# Key in the meta of a checkpoint.
RECORD_KEY = 'run'


@dataclass(frozen=True)
class RunRecord:
    """Settings of a training, as plain values.

    Attributes:
        config: Keys of the config that the runner reads; see ``plain_config``.
        seed: Seed of the run; ``None`` if unknown.
        images: Number and digest of the training images.
        loader: Sizes of the data loading.
        versions: Versions of mixmae, MMEngine, PyTorch and Python.
    """

    config: dict[str, Any]
    seed: int | None = None
    images: ImageNames | None = None
    loader: LoaderShape | None = None
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, runner: Runner) -> RunRecord:
        """Create from a runner whose train loop is built."""
        return cls(
            config=plain_config(runner.cfg),
            seed=runner.seed,
            images=ImageNames.of(runner.train_dataloader.dataset),
            loader=LoaderShape.of(runner),
            versions={
                'mixmae': mixmae.__version__,
                'mmengine': mmengine.__version__,
                'torch': torch.__version__,
                'python': platform.python_version(),
            },
        )

    @classmethod
    def of_checkpoint(cls, content: Mapping[str, Any]) -> RunRecord | None:
        """Read the settings in a checkpoint.

        Checkpoints of earlier versions and of MMEngine hold the config as
        text. Plain values are parsed from it; nothing is executed.

        Returns:
            ``None`` if it holds neither.
        """
        meta = content.get('meta')
        if not isinstance(meta, Mapping):
            return None
        try:
            noted = cls.from_dict(json.loads(meta.get(RECORD_KEY) or '0'))
        except (TypeError, ValueError, RecursionError):
            noted = None
        if noted is not None:
            return noted
        # Only checkpoints without a record of ours hold settings as text.
        from mixmae.checkpoints.loading.recorded_model import parse_config_text

        try:
            settings = parse_config_text(str(meta.get('cfg') or ''))
        except ValueError:
            settings = {}
        if not settings:
            return None
        seed = meta.get('seed')
        hub = content.get('message_hub')
        info = hub.get('runtime_info') if isinstance(hub, Mapping) else None
        loader = info.get(LOADER_KEY) if isinstance(info, Mapping) else None
        return cls(
            config=plain_config(settings),
            seed=seed if type(seed) is int else None,
            loader=LoaderShape.read(loader),
        )

    def to_json(self) -> str:
        """Return the settings as JSON text, for a checkpoint."""
        return json.dumps(self.to_dict(), sort_keys=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        found = asdict(self)
        found['loader'] = self.loader and self.loader._asdict()
        return found

    @classmethod
    def from_dict(cls, found: Any) -> RunRecord | None:
        """Create from plain values; ``None`` if not of this form."""
        if not isinstance(found, dict):
            return None
        config, seed = found.get('config'), found.get('seed')
        images, versions = found.get('images'), found.get('versions')
        if not isinstance(config, dict) or not (
            seed is None or type(seed) is int
        ):
            return None
        if not isinstance(versions, dict):
            versions = {}
        return cls(
            config=config,
            seed=seed,
            images=ImageNames.read(images),
            loader=LoaderShape.read(found.get('loader')),
            versions={str(k): str(v) for k, v in versions.items()},
        )

"""Settings of a training that a resumed run is compared with."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import mmengine
import torch
from mmengine.dataset import BaseDataset
from mmengine.runner import EpochBasedTrainLoop, Runner

import mixmae
from mixmae.config.option_values import is_variable
from mixmae.engine.loops.loader_shape import KEY as LOADER
from mixmae.engine.loops.loader_shape import LoaderShape

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


# Key in the meta of a checkpoint.
KEY = 'run'


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
        epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
        return cls(
            config=plain_config(runner.cfg),
            seed=runner.seed,
            images=ImageNames.of(runner.train_dataloader.dataset),
            loader=LoaderShape.of(runner, epochs),
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
        noted = cls.from_json(meta.get(KEY))
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
        loader = info.get(LOADER) if isinstance(info, Mapping) else None
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
    def from_json(cls, text: Any) -> RunRecord | None:
        """Parse JSON text; ``None`` if it is not of this form."""
        if not isinstance(text, str):
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return cls.from_dict(found)

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
        names = None
        if isinstance(images, dict) and type(images.get('count')) is int:
            digest = images.get('digest')
            names = ImageNames(
                images['count'], digest if isinstance(digest, str) else None
            )
        if not isinstance(versions, dict):
            versions = {}
        return cls(
            config=config,
            seed=seed,
            images=names,
            loader=LoaderShape.read(found.get('loader')),
            versions={str(k): str(v) for k, v in versions.items()},
        )


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config keys that the runner reads, as plain values.

    Values that are written differently but mean the same become equal: a tuple
    and a list, 1 and 1.0, ``None`` and a missing key. Names that a config
    defines only for itself are omitted.
    """
    if hasattr(config, 'to_dict'):
        config = config.to_dict()
    return {
        key: plain(value)
        for key, value in config.items()
        if value is not None and not is_variable(config, key)
    }


def plain(value: Any) -> Any:
    """Convert a config value to its JSON form."""
    if isinstance(value, Mapping):
        return {
            str(key): plain(one)
            for key, one in value.items()
            if one is not None
        }
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if hasattr(value, 'item'):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, type) or callable(value):
        name = getattr(value, '__qualname__', type(value).__qualname__)
        return f'{value.__module__}.{name}'
    return repr(value)

"""Data sets of a run: as configured, and as built."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope
from mmengine.runner import BaseLoop

from mixmae.config.config_paths import data_loaders, type_name, walk
from mixmae.datasets.listed_paths import leaf_sets
from mixmae.preflight.check import Finding, PlannedRun
from mixmae.registry import DATASETS

if TYPE_CHECKING:
    from mixmae.datasets.labels.label_fault import LabelFault

# Loaders that a run of a mode reads; others are compared, with warnings.
READ = {
    'train': ('train_dataloader', 'val_dataloader'),
    'test': ('test_dataloader', 'test_cfg.train_dataloader'),
}
# mmpretrain's class that reads class folders and lists with labels, and ours.
LABELLED = ('CustomDataset', 'CheckedCustomDataset')
# These belong to one task, those of a hook to another.
OWN = ('', 'train_cfg', 'val_cfg', 'test_cfg')


@dataclass(frozen=True)
class ConfiguredSet:
    """Config of a data set without wrappers.

    Attributes:
        key: Its place in the config, as ``--cfg-options`` takes it.
        group: Sets of one group have the same classes: the loaders of the
            run, or those of one hook.
        config: Its config. Read-only.
        scope: Scope of its type, if that has none.
        is_read: Whether this run reads it.
    """

    key: str
    group: str
    config: dict
    scope: str
    is_read: bool

    @property
    def type(self) -> Any:
        """Its class; ``None`` if no registry has it."""
        kind = self.config.get('type')
        if not isinstance(kind, str):
            return kind
        try:
            with DefaultScope.overwrite_default_scope(self.scope):
                scoped = '.' in kind
                return DATASETS.get(kind if scoped else f'{self.scope}.{kind}')
        # Building it raises the error.
        except Exception:
            return None

    @property
    def reader(self) -> str:
        """Name of the class that lists its samples: its own or a base."""
        load = getattr(self.type, 'load_data_list', None)
        return getattr(load, '__qualname__', '').split('.')[0]

    @property
    def classes(self) -> Any:
        """Class names that config or type state, of any type, or ``None``."""
        metainfo = self.config.get('metainfo') or {}
        stated = metainfo.get('classes', self.config.get('classes'))
        if stated is None:
            stated = (getattr(self.type, 'METAINFO', None) or {}).get(
                'classes'
            )
        return stated

    @property
    def metainfo_key(self) -> str:
        """Key of the class names."""
        own = 'classes' in self.config
        return f'{self.key}.classes' if own else f'{self.key}.metainfo.classes'

    @property
    def ann_file(self) -> Path | None:
        """Path of its list or annotation file."""
        name = self.config.get('ann_file')
        if not isinstance(name, str) or not name:
            return None
        return Path(self.config.get('data_root') or '', name).expanduser()

    @property
    def image_folder(self) -> Path | None:
        """Folder of its images: ``img_path`` of ``data_prefix``, or root."""
        root = self.config.get('data_root') or ''
        prefix = self.config.get('data_prefix') or {}
        name = prefix.get('img_path') if isinstance(prefix, dict) else prefix
        name = name if isinstance(name, str) else ''
        return Path(root, name).expanduser() if root or name else None


def configured_sets(planned: PlannedRun) -> list[ConfiguredSet]:
    """Return the data sets of a config's loaders, also those in wrappers."""
    found: list[ConfiguredSet] = []
    scope = str(planned.config.get('default_scope') or 'mmengine')
    for key, loader in data_loaders(planned.config):
        place = key.rpartition('.')[0]
        group = '' if place in OWN else place
        read = key in READ[planned.mode]
        for name, config in nested_parts(key, loader):
            if 'type' not in config or {'dataset', 'datasets'} & set(config):
                continue
            one = ConfiguredSet(name, group, config, scope, read)
            if not any(
                _same(one.config, other.config) and group == other.group
                for other in found
            ):
                found.append(one)
    # The run's own first, and of those the first that it reads.
    return sorted(found, key=lambda one: (one.group, not one.is_read))


def nested_parts(
    key: str, part: Any, names: Sequence[str] = ('dataset', 'datasets')
) -> Iterator[tuple[str, dict]]:
    """Yield key and config of a part, and of those below some of its names.

    By default these are the data sets of a data loader.
    """
    if isinstance(part, (list, tuple)):
        for index, one in enumerate(part):
            yield from nested_parts(f'{key}.{index}', one, names)
    elif isinstance(part, dict):
        yield key, part
        for name in names:
            yield from nested_parts(f'{key}.{name}', part.get(name), names)


def folder_of_classes(one: ConfiguredSet) -> Path | None:
    """Return the folder of the class folders; ``None`` for other data sets."""
    config = one.config
    if (
        one.reader not in LABELLED
        or config.get('ann_file')
        or not config.get('with_label', True)
    ):
        return None
    split = config.get('split')
    prefix = config.get('data_prefix') or split or ''
    if isinstance(prefix, dict):
        prefix = prefix.get('img_path') or ''
    root = Path(config.get('data_root') or '').expanduser()
    # mmpretrain's ImageNet takes its list instead, if there is one.
    if split == 'test' or (split and (root / f'meta/{split}.txt').is_file()):
        return None
    return root / Path(prefix).expanduser()


def uses_labels(planned: PlannedRun) -> bool:
    """Return True if a run of the mode uses labels; pretraining does not."""
    config = planned.config
    if type_name(config.get('model')) != 'MaskedImageModel':
        return True
    loop = type_name(config.get('test_cfg'))
    return planned.mode == 'test' and loop == 'KNNTestLoop'


def follows_metrics(planned: PlannedRun) -> bool:
    """Return True if a hook or a schedule of a run uses a metric."""
    return any(
        key.split('.')[-1] in ('save_best', 'monitor')
        or type_name(part).startswith('ReduceOnPlateau')
        for key, part in walk('', dict(planned.config.items()))
    )


@dataclass(frozen=True)
class BuiltSet:
    """Data set of a loader, without wrappers.

    Attributes:
        split: 'train', 'val', 'test', or 'neighbours' of a kNN test.
        dataset: The data set.
    """

    split: str
    dataset: BaseDataset

    @property
    def classes(self) -> Any:
        """Its class names, of any type, or ``None``."""
        return self.dataset.metainfo.get('classes')


def built_sets(planned: PlannedRun) -> list[BuiltSet]:
    """Return the data sets of the loops of a run, each once."""
    found: list[BuiltSet] = []
    for split in ('train', 'val', 'test'):
        loop = getattr(planned.built, f'_{split}_loop', None)
        if not isinstance(loop, BaseLoop):
            continue
        loaders = [(split, loop.dataloader)]
        if split == 'test' and hasattr(loop, 'train_dataloader'):
            loaders.insert(0, ('neighbours', loop.train_dataloader))
        for name, loader in loaders:
            for dataset in leaf_sets(loader.dataset):
                if isinstance(dataset, BaseDataset) and not any(
                    dataset is other.dataset for other in found
                ):
                    found.append(BuiltSet(name, dataset))
    return found


def sampled(
    dataset: BaseDataset, most: int, seconds: float
) -> Iterator[dict[str, Any]]:
    """Return evenly spread entries of a data set, within a time limit."""
    end = time.monotonic() + seconds
    count = min(len(dataset), most)
    for start in range(16):
        for place in range(start, count, 16):
            if time.monotonic() > end:
                return
            yield dataset.get_data_info(place * len(dataset) // count)


def finding(
    compared: str,
    faults: Sequence[LabelFault],
    notes: Sequence[str] = (),
) -> Finding:
    """Return the finding of some faults."""
    return Finding(
        compared,
        tuple(one.text for one in faults if one.level == 'error'),
        tuple(one.text for one in faults if one.level != 'error'),
        tuple(notes),
    )


def _same(one: dict, other: dict) -> bool:
    keys = {'pipeline', 'test_mode', 'indices'}
    return {k: v for k, v in one.items() if k not in keys} == {
        k: v for k, v in other.items() if k not in keys
    }


def image_sizes(key: str, loader: Any) -> dict[str, tuple[int, int] | None]:
    """Return ``pipeline_image_size`` by key of a data set with a pipeline.

    The pipeline of a wrapper is the last, and stands for those in it.
    """
    found: dict[str, tuple[int, int] | None] = {}
    for place, part in nested_parts(key, loader):
        inner = any(place.startswith(f'{outer}.') for outer in found)
        if part.get('pipeline') and not inner:
            found[place] = pipeline_image_size(part['pipeline'])
    return found


def pipeline_image_size(pipeline: Sequence) -> tuple[int, int] | None:
    """Return height and width of the images that a pipeline makes.

    Args:
        pipeline: Configs of transforms.

    Returns:
        None if they differ between images or do not follow from the config.
    """
    size: tuple[int, int] | None = None
    for transform in pipeline:
        if not isinstance(transform, Mapping):
            return None
        kind = type_name(transform)
        if 'Crop' in kind:
            size = _pair(transform.get('crop_size', transform.get('scale')))
        elif kind == 'Resize' and not transform.get('keep_ratio'):
            size = _pair(transform.get('scale'))
            # Resize has (width, height), crops have (height, width).
            size = size and size[::-1]
        elif 'Resize' in kind or 'Pad' in kind:
            size = None
    return size


def _pair(value: Any) -> tuple[int, int] | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    if pair and all(type(side) is int for side in value):
        return value[0], value[1]
    return None

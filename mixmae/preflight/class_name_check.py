"""Checks of class names: of configs, folders, data sets and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixmae.config.config_paths import type_name
from mixmae.datasets.labels.class_folders import (
    ClassFolders,
    class_folders,
    folder_faults,
)
from mixmae.datasets.labels.class_names import (
    ClassList,
    name_faults,
    order_faults,
)
from mixmae.datasets.labels.label_fault import LabelFault, Level, listed
from mixmae.fileio.image_formats import READ_BY_MMPRETRAIN
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import (
    ConfiguredSet,
    built_sets,
    configured_sets,
    finding,
    folder_of_classes,
)

SAME_ORDER = 'label k is position k of the list: use the same order for both'


class ClassNames(Check):
    """Checks that class names of a config are distinct strings."""

    name = 'class names'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Check ``metainfo.classes``, ``classes`` and palettes."""
        faults, compared = [], []
        for one in configured_sets(planned):
            names = stated_names(one)
            if names is None:
                continue
            compared.append(one.key.split('.')[0].split('_')[0])
            found = name_faults(one.metainfo_key, names)
            if _is_published(one.type, names):
                found = []
            faults += found
            if not any(fault.level == 'error' for fault in found):
                faults += _palette_faults(one, names)
        if not compared:
            return None
        return finding(f'classes listed for {", ".join(compared)}', faults)


class ClassOrder(Check):
    """Checks that data sets and checkpoint name each label alike."""

    name = 'order of classes'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        faults: list[LabelFault] = []
        lists = []
        for built in built_sets(planned):
            if built.classes is None:
                continue
            source = f'the {built.split} data'
            found = name_faults(source, built.classes)
            if _is_published(type(built.dataset), built.classes):
                found = []
            faults += found
            if not any(fault.level == 'error' for fault in found):
                lists.append(ClassList(source, tuple(built.classes)))
        for other in lists[1:]:
            faults += order_faults(lists[0], other, SAME_ORDER)
        if not lists:
            return finding('no data set lists its classes', faults)
        compared = [f'{len(one.names)} of {one.source}' for one in lists]
        stated = checkpoint_classes(planned)
        if stated is not None:
            faults += _checkpoint_faults(stated, lists[0])
            compared.append(f'{len(stated.names)} of the checkpoint')
        return finding(f'classes: {", ".join(compared)}', faults)


def stated_names(one: ConfiguredSet) -> Any:
    """Return the class names of a config, or those in its file of names."""
    names = one.classes
    if isinstance(names, str) and Path(names).expanduser().is_file():
        text = Path(names).expanduser().read_text(encoding='utf-8')
        return text.removesuffix('\n').split('\n')
    return names


def checkpoint_classes(planned: PlannedRun) -> ClassList | None:
    """Return the class names that the head to be loaded was trained with.

    Returns:
        The names; ``None`` if the checkpoint has none, or if no head is
        loaded: a training may start from weights of another task, and a kNN
        test needs no head.
    """
    config = planned.config
    path = config.get('load_from')
    if planned.mode == 'test':
        continued = type_name(config.get('test_cfg')) != 'KNNTestLoop'
    else:
        continued = bool(config.get('resume'))
    if not path or not continued or not Path(path).expanduser().is_file():
        return None
    # Most runs read no checkpoint.
    from mixmae.checkpoints.io.safe_load import safe_load

    try:
        content = safe_load(path)
        names = content['meta']['dataset_meta']['classes']
    # Loading it raises the error.
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(names, (list, tuple)) or not names:
        return None
    return ClassList(str(path), tuple(map(str, names)))


def _checkpoint_faults(stated: ClassList, data: ClassList) -> list[LabelFault]:
    mend = (
        'its head predicts in the order that it was trained with: use the '
        'same order for the data'
    )
    return [
        # Other names of the same classes are no certain fault.
        fault
        if fault.kind == 'order of classes'
        else fault._replace(level='warning')
        for fault in order_faults(stated, data, mend)
    ]


def _is_published(kind: Any, names: Any) -> bool:
    """Return True if a library's data set class has exactly these names.

    Such lists may repeat a name: ImageNet has two classes "crane".
    """
    own = (getattr(kind, 'METAINFO', None) or {}).get('classes')
    published = str(getattr(kind, '__module__', '')).startswith('mm')
    return published and isinstance(own, (list, tuple)) and names == own


def _palette_faults(one: ConfiguredSet, names: Any) -> Iterator[LabelFault]:
    """Check the length of the palette, as mmseg's data sets require."""
    if not any(
        base.__name__ == 'BaseSegDataset'
        for base in getattr(one.type, '__mro__', ())
    ):
        return
    own = getattr(one.type, 'METAINFO', None) or {}
    palette = (one.config.get('metainfo') or {}).get(
        'palette', own.get('palette', [])
    )
    known = own.get('classes')
    unknown = [name for name in names if known and name not in known]
    if unknown:
        yield LabelFault(
            'class names',
            f'{one.metainfo_key}: {unknown[0]!r} is not a class of '
            f'{type_name(one.config)}, which has {len(known or ())}; use '
            'names of that list, or the type BaseSegDataset',
        )
    elif 0 < len(palette) < len(names) or (
        len(palette) > len(names) and not known
    ):
        yield LabelFault(
            'palette',
            f'{one.key}.metainfo: {len(names)} classes and a palette of '
            f'{len(palette)} colours; set one colour per class',
        )


class ClassFolderNames(Check):
    """Checks that all splits have the same class folders and no others."""

    name = 'class folders'

    def run(self, planned: PlannedRun) -> Finding | None:
        groups: dict[str, list[tuple[ConfiguredSet, ClassFolders]]] = {}
        for one in configured_sets(planned):
            folder = folder_of_classes(one)
            if folder is not None and folder.is_dir():
                suffixes = one.config.get('extensions') or READ_BY_MMPRETRAIN
                split = class_folders(folder, [s.lower() for s in suffixes])
                groups.setdefault(one.group, []).append((one, split))
        faults: list[LabelFault] = []
        for members in groups.values():
            read = [split for one, split in members if one.is_read]
            faults += folder_faults(read or [split for _, split in members])
            # Differences in data that this run does not read are only
            # warnings.
            for one, split in members:
                faults += _stated_faults(one, split)
                if not one.is_read and read:
                    faults += [
                        fault._replace(level='warning')
                        for fault in folder_faults([read[0], split])
                        if str(split.folder) in fault.text
                    ]
        if not groups:
            return None
        compared = ', '.join(
            f'{len(split.names)} in {split.folder}'
            for members in groups.values()
            for _, split in members
        )
        unique = list(dict.fromkeys(faults))
        return finding(f'classes: {compared}', unique)


def _stated_faults(
    one: ConfiguredSet, split: ClassFolders
) -> list[LabelFault]:
    """Compare class names of the config with folder names."""
    names = stated_names(one)
    if not isinstance(names, (list, tuple)) or split.stray:
        return []
    level: Level = 'error' if one.is_read else 'warning'
    if len(names) != len(split.names):
        text = (
            f'{one.metainfo_key}: {len(names)} names, {split.folder} has '
            f'{len(split.names)} class folders ({listed(split.names)}); list '
            'one name per folder, in their order'
        )
        return [LabelFault('classes differ', text, level)]
    places = {name: place for place, name in enumerate(split.names)}
    for place, name in enumerate(names):
        if places.get(name, place) != place:
            text = (
                f'{one.metainfo_key}: label {place} has the name {name!r}, '
                f'but its folder in {split.folder} is {split.names[place]!r}: '
                'labels follow the sorted folders; list the names in this '
                'order'
            )
            return [LabelFault('order of classes', text, level)]
    return []

"""Check of the class folders of train, val and test."""

from __future__ import annotations

from mixmae.datasets.labels.class_folders import (
    ClassFolders,
    class_folders,
    folder_faults,
)
from mixmae.datasets.labels.label_fault import LabelFault, Level, listed
from mixmae.fileio.image_formats import READ_BY_MMPRETRAIN
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.class_name_check import stated_names
from mixmae.preflight.data_sets import (
    ConfiguredSet,
    configured_sets,
    finding,
    folder_of_classes,
)


class ClassFolderNames(Check):
    """Checks that all splits have the same class folders and no others."""

    name = 'class folders'

    def run(self, planned: PlannedRun) -> Finding | None:
        """List the folders of all splits and compare them."""
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

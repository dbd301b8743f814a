"""Checks of listed paths, of files that folders skip, and of types of paths.

A data set itself reports a missing folder.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import NamedTuple

from mixmae.config.config_paths import data_loaders, walk
from mixmae.config.failure_report import DataError
from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.fileio.address import is_address
from mixmae.fileio.image_formats import READ_BY_MMPRETRAIN
from mixmae.fileio.image_listing import ImageListing, list_folder
from mixmae.fileio.shown_text import escape
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import (
    ConfiguredSet,
    built_sets,
    configured_sets,
    folder_of_classes,
    nested_parts,
)


class ListedFolder(NamedTuple):
    """Folder that a data set lists.

    Attributes:
        path: Path of the folder.
        suffixes: Suffixes of files that the data set reads.
        ignores_case: Whether the case of suffixes does not matter.
    """

    path: Path
    suffixes: tuple[str, ...]
    ignores_case: bool


class FolderListings(Check):
    """Counts files that data sets of other libraries skip silently.

    They would follow a cycle of links forever, so a cycle is an error. Data
    sets of mixmae log skipped files themselves, and list each file once.
    """

    name = 'folders'

    def run(self, planned: PlannedRun) -> Finding | None:
        errors: list[str] = []
        warnings: list[str] = []
        count = 0
        read = [one for one in configured_sets(planned) if one.is_read]
        for folder in dict.fromkeys(filter(None, map(_folder, read))):
            if not folder.path.is_dir():
                continue
            place = str(folder.path)
            try:
                listing = list_folder(place, folder.suffixes)
            except ValueError as error:
                errors.append(str(error))
                continue
            if not folder.ignores_case:
                _leave_out_other_cases(listing, folder.suffixes)
            count += len(listing.files)
            for link in circles(listing):
                errors.append(
                    f'{place}/{escape(link)} links back to '
                    f'{place}/{escape(listing.repeated[link])}, and the data '
                    'set would follow it forever; remove this link'
                )
            warnings += [
                f'{place}: {note}'.replace('listed once', 'read twice')
                for note in listing.notes()
            ]
        if not count and not errors and not warnings:
            return None
        return Finding(
            f'{count:,} files that other libraries list',
            tuple(errors),
            tuple(warnings),
        )


def circles(listing: ImageListing) -> list[str]:
    """Return the folders of a listing that link to one of their parents.

    Each link of ``repeated`` points to a folder, which may contain others of
    them, and so on.
    """
    found = []
    for link in listing.repeated:
        pending, seen = [listing.repeated[link]], set()
        while pending:
            place = pending.pop()
            if place in seen:
                continue
            seen.add(place)
            if _is_below(link, place):
                found.append(link)
                break
            pending += [
                target
                for other, target in listing.repeated.items()
                if _is_below(other, place)
            ]
    return found


def _is_below(name: str, place: str) -> bool:
    return not place or name.startswith(f'{place}/')


def _folder(one: ConfiguredSet) -> ListedFolder | None:
    """Return the image folder of a data set of mmpretrain or mmseg."""
    folder = folder_of_classes(one)
    if folder is not None:
        read = one.config.get('extensions') or READ_BY_MMPRETRAIN
        return ListedFolder(folder, tuple(map(str.lower, read)), True)
    folder = one.image_folder
    if (
        one.reader != 'BaseSegDataset'
        or folder is None
        or one.config.get('ann_file')
    ):
        return None
    suffix = one.config.get('img_suffix')
    if suffix is None:
        parameters = inspect.signature(one.type).parameters
        suffix = parameters['img_suffix'].default
    return ListedFolder(folder, (str(suffix),), False)


def _leave_out_other_cases(
    listing: ImageListing, suffixes: tuple[str, ...]
) -> None:
    for name in listing.files:
        if not name.endswith(suffixes):
            suffix = os.path.splitext(name)[1]
            count = listing.left_out.get(suffix, 0)
            listing.left_out[suffix] = count + 1
    listing.files = [n for n in listing.files if n.endswith(suffixes)]


class ListedPaths(Check):
    """Checks all paths of the data sets that have an ``ann_file``."""

    name = 'listed paths'
    protects = True
    stage = 'built'
    # Others open images.
    guards = True

    def run(self, planned: PlannedRun) -> Finding | None:
        count, errors = 0, []
        for one in built_sets(planned):
            try:
                count += check_listed_paths(one.dataset)
            except DataError as error:
                errors.append(str(error))
        if not count and not errors:
            return None
        return Finding(
            f'{count:,} paths of lists and annotations with their folders',
            tuple(dict.fromkeys(errors)),
        )


# Some data sets read several annotation files.
KINDS: dict[str, tuple[type, ...]] = {
    'ann_file': (str, os.PathLike, list, tuple),
    'data_root': (str, os.PathLike),
}


class PathTypes(Check):
    """Checks that paths in data sets are strings."""

    name = 'paths'

    def run(self, planned: PlannedRun) -> Finding | None:
        found = [
            (f'{key}.{name}', value)
            for place, loader in data_loaders(planned.config)
            for key, part in nested_parts(place, loader)
            for name, value in part.items()
            if name in KINDS
        ]
        errors = [
            f'{key}={value!r} must be the path of one file or folder'
            for key, value in found
            if value is not None
            and not isinstance(value, KINDS[key.split('.')[-1]])
        ]
        return Finding(f'{len(found)} paths', errors=tuple(errors))


class InitialWeightsFile(Check):
    """Checks that files of weights that parts of a model load exist."""

    name = 'initial weights'
    stage = 'built'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        found = [
            (key, value)
            for key, value in walk('model', planned.config.get('model'))
            if key.endswith('.init_cfg.checkpoint') and isinstance(value, str)
        ]
        missing = [
            pair
            for pair in found
            if not is_address(pair[1])
            and not Path(pair[1]).expanduser().is_file()
        ]
        if missing:
            # Few runs start from named weights.
            from mixmae.checkpoints.io.download import is_name

            missing = [pair for pair in missing if not is_name(pair[1])]
        errors = [
            f'{key}={path}: there is no such file; name another one, or set '
            f'{key.removesuffix(".checkpoint")}=None for random weights'
            for key, path in missing
        ]
        text = ', '.join(path for _, path in found)
        return Finding(text, tuple(errors)) if found else None


class Pipelines(Check):
    """Checks that data sets have transforms, if a config says so."""

    name = 'pipelines'

    def run(self, planned: PlannedRun) -> Finding | None:
        count, errors = 0, []
        for key, loader in data_loaders(planned.config):
            found = [
                (f'{place}.pipeline', part['pipeline'])
                for place, part in nested_parts(key, loader)
                if 'pipeline' in part
            ]
            count += len(found)
            # A wrapper may have the transforms of the sets in it.
            if found and not any(steps for _, steps in found):
                errors.append(
                    f'{found[0][0]} is empty; it begins with a transform that '
                    f'loads images, and ends with one that packs them'
                )
        return Finding(f'{count} pipelines', tuple(errors)) if count else None

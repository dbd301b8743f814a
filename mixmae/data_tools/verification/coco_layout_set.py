"""Datasets in COCO layout: annotation files and folders of images."""

from pathlib import Path

from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.datasets.labels.class_names import ClassList
from mixmae.datasets.labels.coco_entry_faults import (
    coco_entry_faults,
    read_coco,
)
from mixmae.datasets.labels.coco_file_faults import (
    coco_file_faults,
    file_classes,
    file_order_faults,
    images_without_objects,
)
from mixmae.datasets.labels.labelled_sizes import LabelledSize, size_faults
from mixmae.datasets.listed_paths import ExistingFiles
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.safe_path import path_fault

PREFIX = 'instances_'


def verify_coco(root: Path, check: DatasetCheck) -> None:
    """Verify ``annotations/instances_{train,val}2017.json`` and images."""
    found = [
        verify_coco_file(
            root / 'annotations' / f'{PREFIX}{split}2017.json',
            root / f'{split}2017',
            check,
            split,
        )
        for split in ('train', 'val')
    ]
    _compare_files(found, check)


def verify_coco_format(root: Path, check: DatasetCheck) -> None:
    """Verify ``annotations/instances_<split>.json`` and ``<split>/``."""
    found = sorted((root / 'annotations').glob(f'{PREFIX}*.json'))
    if not found:
        check.problem(
            'missing annotations',
            f'{root}/annotations: no file {PREFIX}<split>.json; place it '
            f'there, with its images in {root}/<split>/, or set both with '
            '--annotations and --images',
        )
    files = [
        verify_coco_file(path, root / path.stem.removeprefix(PREFIX), check)
        for path in found
    ]
    _compare_files(files, check)


def verify_coco_file(
    path: Path, folder: Path, check: DatasetCheck, split: str | None = None
) -> tuple[ClassList, bool] | None:
    """Verify one annotation file and the images in its folder.

    Returns:
        Its categories, and whether an object has a mask; None if the file
        cannot be read.
    """
    split = split or path.stem.removeprefix(PREFIX)
    if not path.is_file():
        check.problem(
            'missing annotations',
            f'{path}: file does not exist; extract the archive of annotations',
        )
        return None
    if not folder.is_dir():
        check.problem(
            'missing folder',
            f'{folder}: no such folder; extract the archive of images there',
        )
        return None
    try:
        content = read_coco(path)
    except ValueError as error:
        check.problem('invalid annotation file', str(error))
        return None
    check.faults(coco_file_faults(str(path), content))
    check.faults(coco_entry_faults(path, content))
    images, objects = content['images'], content['annotations']
    classes = file_classes(str(path), content)
    check.facts.append(
        f'{split}: {len(images):,} images, {len(objects):,} objects, '
        f'{len(classes.names):,} categories, '
        f'{images_without_objects(content):,} images without an object'
    )
    check.compare_count(split, len(images))
    check.compare_classes(split, len(classes.names))
    there = _verify_presence(path, folder, images, check)
    paths = [folder / image['file_name'] for image in there]
    sizes = [
        LabelledSize(
            str(paths[index]),
            opened.oriented,
            (there[index].get('width'), there[index].get('height')),
        )
        for index, opened in check.open_images(paths, split)
        if opened.oriented is not None
    ]
    check.faults(size_faults(str(path), sizes))
    return classes, any(entry.get('segmentation') for entry in objects)


def _compare_files(
    files: list[tuple[ClassList, bool] | None], check: DatasetCheck
) -> None:
    """Compare categories and masks of the files of one dataset."""
    read = [file for file in files if file is not None]
    check.faults(file_order_faults([classes for classes, _ in read]))
    bare = [classes.source for classes, masks in read if not masks]
    if 0 < len(bare) < len(read):
        check.problem(
            'missing mask',
            f'{", ".join(bare)}: no object has a mask, but the objects in the '
            'other files do; add segmentation, or remove it from all files',
        )


def _verify_presence(
    path: Path, folder: Path, images: list[dict], check: DatasetCheck
) -> list[dict]:
    """Report missing images; return the existing ones."""
    existing, there = ExistingFiles(), []
    listed = set()
    for image in images:
        if path_fault(image.get('file_name')) is not None:
            # Reported with the other faults of the file.
            continue
        name = image['file_name']
        listed.add(name)
        if folder / name in existing:
            there.append(image)
        else:
            check.problem(
                'missing image',
                f'{path}, image {image.get("id")}: file {folder / name} does '
                'not exist; extract the images again, or remove the entry',
            )
    unlisted = sum(
        name.lower().endswith(SUFFIXES) and name not in listed
        for name in existing.names(folder)
    )
    if unlisted:
        check.notes.append(
            f'{folder}: {unlisted:,} images are not listed in {path} and are '
            'not used'
        )
    return there

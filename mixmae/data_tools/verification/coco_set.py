"""Datasets in COCO layout: annotation files and folders of images."""

from collections import Counter
from pathlib import Path

from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.image_files import Opening
from mixmae.data_tools.verification.image_notes import open_images
from mixmae.data_tools.verification.known_sets import KnownSet
from mixmae.data_tools.verification.split_counts import (
    compare_classes,
    compare_count,
)
from mixmae.datasets.coco_annotations import coco_faults, read_coco
from mixmae.datasets.existing_files import ExistingFiles
from mixmae.datasets.labels.class_names import ClassList
from mixmae.datasets.labels.coco_labels import (
    coco_set_faults,
    file_classes,
    file_order_faults,
    images_without_objects,
)
from mixmae.datasets.labels.image_headers import LabelledSize, size_faults
from mixmae.datasets.unlabeled_image_folder import SUFFIXES
from mixmae.fileio.safe_path import path_fault

PREFIX = 'instances_'


def verify_coco(
    root: Path,
    findings: Findings,
    opening: Opening,
    known: KnownSet,
    subset: bool = False,
) -> None:
    """Verify ``annotations/instances_{train,val}2017.json`` and images."""
    found = [
        verify_coco_file(
            root / 'annotations' / f'{PREFIX}{split}2017.json',
            root / f'{split}2017',
            findings,
            opening,
            None if subset else known,
            split,
        )
        for split in known.images
    ]
    _compare_files(found, findings)


def verify_coco_format(
    root: Path, findings: Findings, opening: Opening
) -> None:
    """Verify ``annotations/instances_<split>.json`` and ``<split>/``."""
    found = sorted((root / 'annotations').glob(f'{PREFIX}*.json'))
    if not found:
        findings.problem(
            'missing annotations',
            f'{root}/annotations: no file {PREFIX}<split>.json; put it '
            f'there, with its images in {root}/<split>/, or name the two by '
            f'--annotations and --images',
        )
    files = [
        verify_coco_file(
            path, root / path.stem.removeprefix(PREFIX), findings, opening
        )
        for path in found
    ]
    _compare_files(files, findings)


def verify_coco_file(
    path: Path,
    folder: Path,
    findings: Findings,
    opening: Opening,
    known: KnownSet | None = None,
    split: str | None = None,
) -> tuple[ClassList, bool] | None:
    """Verify one annotation file and its images.

    Args:
        path: Path of the annotation file.
        folder: Folder of the images.
        findings: Receives the results.
        opening: Selection of the images to open, to compare their sizes.
        known: Published figures to compare with, if any.
        split: Name of the split in ``known``.

    Returns:
        Its categories, and whether an object has a mask; None if the file
        cannot be read.
    """
    split = split or path.stem.removeprefix(PREFIX)
    if not path.is_file():
        findings.problem(
            'missing annotations',
            f'{path}: no such file; unpack the archive of annotations',
        )
        return None
    if not folder.is_dir():
        findings.problem(
            'missing folder',
            f'{folder}: no such folder; unpack the archive of images there',
        )
        return None
    try:
        content = read_coco(path)
    except ValueError as error:
        findings.problem('bad annotation file', str(error))
        return None
    findings.faults(coco_set_faults(str(path), content))
    findings.faults(coco_faults(path, content))
    images = content['images']
    findings.fact(
        f'{split}: {len(images):,} images, '
        f'{len(content["annotations"]):,} objects, '
        f'{len(content["categories"]):,} categories, '
        f'{images_without_objects(content):,} images without an object'
    )
    compare_count(findings, known, split, len(images))
    compare_classes(
        findings, known, split, Counter(), len(content['categories'])
    )
    there = _verify_presence(path, folder, images, findings)
    _verify_sizes(path, folder, there, split, findings, opening)
    masks = any(e.get('segmentation') for e in content['annotations'])
    return file_classes(str(path), content), masks


def _compare_files(
    files: list[tuple[ClassList, bool] | None], findings: Findings
) -> None:
    """Compare categories and masks of the files of one dataset."""
    read = [file for file in files if file is not None]
    findings.faults(file_order_faults([classes for classes, _ in read]))
    bare = [classes.source for classes, masks in read if not masks]
    if 0 < len(bare) < len(read):
        findings.problem(
            'missing mask',
            f'{", ".join(bare)}: no object has a mask, and those of the '
            f'other files of the set have; add segmentation, or take it out '
            f'of all of them',
        )


def _verify_presence(
    path: Path, folder: Path, images: list[dict], findings: Findings
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
            findings.problem(
                'missing image',
                f'{path}, image {image.get("id")}: there is no file '
                f'{folder / name}; unpack the images again, or remove the '
                f'entry',
            )
    unlisted = sum(
        name.lower().endswith(SUFFIXES) and name not in listed
        for name in existing.names(folder)
    )
    if unlisted:
        findings.note(
            f'{folder}: {unlisted:,} images are not in {path} and remain '
            f'unused'
        )
    return there


def _verify_sizes(
    path: Path,
    folder: Path,
    images: list[dict],
    split: str,
    findings: Findings,
    opening: Opening,
) -> None:
    paths = [folder / image['file_name'] for image in images]
    sizes = []
    for index, content in open_images(paths, split, findings, opening):
        if content.header is not None:
            image = images[index]
            labelled = (image.get('width'), image.get('height'))
            name = str(paths[index])
            sizes.append(LabelledSize(name, content.header, labelled))
    findings.faults(size_faults(str(path), sizes))

"""Data sets in COCO's layout: annotation files and folders of images."""

from collections import Counter
from pathlib import Path

from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.image_files import Opening, inspect_images
from mixmae.data_tools.verification.image_notes import ImageNotes
from mixmae.data_tools.verification.known_sets import KnownSet
from mixmae.data_tools.verification.split_counts import (
    compare_classes,
    compare_count,
)
from mixmae.datasets.coco_annotations import (
    coco_faults,
    left_out_polygons,
    read_coco,
    tiny_boxes,
)
from mixmae.datasets.existing_files import ExistingFiles
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
    """COCO 2017: ``annotations/instances_{train,val}2017.json``, images."""
    for split in known.images:
        verify_coco_file(
            root / 'annotations' / f'{PREFIX}{split}2017.json',
            root / f'{split}2017',
            findings,
            opening,
            None if subset else known,
            split,
        )


def verify_coco_format(
    root: Path, findings: Findings, opening: Opening
) -> None:
    """``annotations/instances_<split>.json``, images in ``<split>/``."""
    found = sorted((root / 'annotations').glob(f'{PREFIX}*.json'))
    if not found:
        findings.problem(
            'missing annotations',
            f'{root}/annotations: no file {PREFIX}<split>.json; put it '
            f'there, with its images in {root}/<split>/, or name the two by '
            f'--annotations and --images',
        )
    for path in found:
        folder = root / path.stem.removeprefix(PREFIX)
        verify_coco_file(path, folder, findings, opening)


def verify_coco_file(
    path: Path,
    folder: Path,
    findings: Findings,
    opening: Opening,
    known: KnownSet | None = None,
    split: str | None = None,
) -> None:
    """Looks at one annotation file and its images.

    Args:
        path: of the annotation file.
        folder: of the images.
        findings: where to report.
        opening: which images to open, to compare their sizes.
        known: published figures to compare with, if any.
        split: its name there.
    """
    split = split or path.stem.removeprefix(PREFIX)
    if not path.is_file():
        findings.problem(
            'missing annotations',
            f'{path}: no such file; unpack the archive of annotations',
        )
        return
    if not folder.is_dir():
        findings.problem(
            'missing folder',
            f'{folder}: no such folder; unpack the archive of images there',
        )
        return
    try:
        content = read_coco(path)
    except ValueError as error:
        findings.problem('bad annotation file', str(error))
        return
    for fault in coco_faults(content):
        text = f'{path}, {fault.entry}: {fault.text}; correct or remove it'
        findings.problem(fault.kind, text)
    images = content['images']
    findings.fact(
        f'{split}: {len(images):,} images, '
        f'{len(content["annotations"]):,} objects, '
        f'{len(content["categories"]):,} categories'
    )
    compare_count(findings, known, split, len(images))
    compare_classes(
        findings, known, split, Counter(), len(content['categories'])
    )
    _note_what_mmdet_leaves_out(path, content, findings)
    there = _verify_presence(path, folder, images, findings)
    _verify_sizes(path, folder, there, split, findings, opening)


def _note_what_mmdet_leaves_out(
    path: Path, content: dict, findings: Findings
) -> None:
    tiny, polygons = tiny_boxes(content), left_out_polygons(content)
    if tiny:
        findings.note(
            f'{path}: {tiny:,} objects are less than a pixel wide or high; '
            f'mmdet leaves them out'
        )
    if polygons:
        findings.note(
            f'{path}: {polygons:,} polygons have fewer than three points; '
            f'mmdet leaves them out'
        )


def _verify_presence(
    path: Path, folder: Path, images: list[dict], findings: Findings
) -> list[dict]:
    """Reports images that are missing; returns those that are there."""
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
    notes = ImageNotes(opening.decoding)
    opened = 0
    for index, content in inspect_images(paths, opening, split):
        opened += 1
        image = images[index]
        sides = (image.get('width'), image.get('height'))
        notes.add(content)
        if content.fault is not None:
            heading, text = content.problem
            findings.problem(heading, f'{paths[index]}: {text}')
        elif sides != (content.width, content.height):
            findings.problem(
                'image of another size',
                f'{path}, image {image.get("id")}: says {sides[0]} x '
                f'{sides[1]} px (width x height), {paths[index]} is of '
                f'{content.width} x {content.height} px; correct the entry '
                f'or replace the file',
            )
    if opened:
        findings.fact(f'{split}: {opened:,} images opened')
    for line in notes.lines():
        findings.note(f'{split}: {line}')

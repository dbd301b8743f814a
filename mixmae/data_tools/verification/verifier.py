"""Verification of any kind of dataset that this toolbox has recipes for."""

from pathlib import Path

from mixmae.data_tools.verification.classification_set import (
    verify_class_folders,
    verify_image_lists,
)
from mixmae.data_tools.verification.coco_layout_set import (
    verify_coco,
    verify_coco_file,
    verify_coco_format,
)
from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.known_sets import KNOWN_SETS
from mixmae.data_tools.verification.segmentation_set import (
    known_values,
    verify_segmentation,
)
from mixmae.datasets.labels.label_maps import LabelMapValues
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import check_folder, list_folder
from mixmae.fileio.safe_path import read_json

LISTED = ('inaturalist2018', 'inaturalist2019', 'places205', 'places365')
# ADE20K's challenge reserves one value for unlabelled pixels; its classes.
ADE_VALUES = LabelMapValues(num_classes=150, reduce_zero_label=True)
KINDS = {
    **{name: known.title for name, known in KNOWN_SETS.items()},
    'class-folders': '{train,val}/<class>/ with images of your own',
    'coco-format': 'annotations/instances_<split>.json and <split>/',
    'segmentation': '{images,annotations}/<split>/ with label maps',
    'image-folder': 'images without labels, at any depth',
    'scenes': 'the embedded scenes of make_scenes.py',
}


def verify(
    kind: str,
    root: Path,
    opening: Opening,
    subset: bool = False,
    values: LabelMapValues | None = None,
    annotations: Path | None = None,
    images: Path | None = None,
    limit: int = 20,
) -> DatasetCheck:
    """Verify a dataset.

    Args:
        kind: One of ``KINDS``.
        root: Folder of the dataset.
        opening: Selection of the files to open.
        subset: Whether a subset of the published images is allowed.
        values: Values of label maps (``segmentation`` only); None for those
            given by ``classes.json`` or ``classes.txt`` in the folder.
        annotations: An annotation file (``coco-format`` only) instead of
            those below ``root``.
        images: Its folder of images.
        limit: Number of problems of one kind that are listed.

    Raises:
        ValueError: The kind is unknown, the folder is missing or not of this
            kind, or options of another kind are given.
    """
    if kind not in KINDS:
        raise ValueError(
            f'kind must be one of {", ".join(KINDS)}, got {kind!r}'
        )
    if not root.is_dir():
        raise ValueError(f'{root}: no such folder')
    check_folder(root)
    if values is not None and kind != 'segmentation':
        raise ValueError(
            f'values of label maps can be set for segmentation only, not for '
            f'{kind}'
        )
    pair = (annotations, images)
    if pair != (None, None) and kind != 'coco-format':
        raise ValueError(
            f'annotations and images can be set for coco-format only, not for '
            f'{kind}'
        )
    if pair.count(None) == 1:
        raise ValueError('set both annotations and images, or neither')
    known = None if subset else KNOWN_SETS.get(kind)
    check = DatasetCheck(opening, known, limit)
    if kind in LISTED:
        verify_image_lists(root, kind, KNOWN_SETS[kind].classes, check)
    elif kind in ('imagenet', 'class-folders'):
        verify_class_folders(root, check, wordnet=kind == 'imagenet')
    elif kind == 'coco':
        verify_coco(root, check)
    elif kind == 'coco-format':
        if annotations is None or images is None:
            verify_coco_format(root, check)
        else:
            verify_coco_file(annotations, images, check)
    elif kind == 'ade20k':
        verify_segmentation(root, check, ADE_VALUES)
    elif kind == 'segmentation':
        values = values or known_values(root)
        if values is None:
            check.notes.append(
                f'{root}: has no classes.json or classes.txt, and no number '
                'of classes was given; labels are not checked'
            )
        verify_segmentation(root, check, values or LabelMapValues())
    elif kind == 'image-folder':
        _verify_image_folder(root, check)
    else:
        _verify_scenes(root, check)
    return check


def _verify_image_folder(root: Path, check: DatasetCheck) -> None:
    listing = list_folder(str(root), SUFFIXES)
    paths = [root / name for name in listing.files]
    for note in listing.notes():
        check.notes.append(f'{root}: {note}')
    check.facts.append(f'images: {len(paths):,} below {root}')
    if not paths:
        check.problem(
            'no images',
            f'{root}: no images; searched, including subfolders, for suffixes '
            f'{", ".join(SUFFIXES)}',
        )
    check.open_all_images(paths, 'images')


def _verify_scenes(root: Path, check: DatasetCheck) -> None:
    """Verify all layouts in a folder of synthetic scenes, and counts."""
    path = root / 'scenes.json'
    try:
        record = read_json(path)
        formats = record['settings']['formats']
        files = int(record['files'])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path}: not a record of scenes ({type(error).__name__}); write '
            f'them with tools/dataset_converters/make_scenes.py {root}'
        ) from None
    count = sum(p.is_file() for p in root.rglob('*')) - 1
    if count != files:
        check.problem(
            'count of files',
            f'{root}: {count:,} files, but {files:,} were written; run '
            'tools/dataset_converters/make_scenes.py again',
        )
    if 'imagenet' in formats:
        verify_class_folders(root / 'imagenet', check)
    if 'coco' in formats:
        verify_coco_format(root / 'coco', check)
    if 'ade' in formats:
        values = known_values(root / 'ade') or LabelMapValues()
        verify_segmentation(root / 'ade', check, values)

"""Images with label maps, in ADE20K layout."""

from pathlib import Path

from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.data_tools.verification.inspection import inspect_chosen
from mixmae.datasets.labels.class_names import name_faults
from mixmae.datasets.labels.label_maps import (
    LabelMapTally,
    LabelMapValues,
    read_label_map,
)
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.safe_path import read_json


def known_values(root: Path) -> LabelMapValues | None:
    """Return the values given by ``classes.json`` or ``classes.txt``.

    Raises:
        ValueError: The file cannot be read.
    """
    path = root / 'classes.json'
    if path.is_file():
        try:
            content = read_json(path)
            names = tuple(map(str, content['classes']))
            reduced = bool(content.get('reduce_zero_label', False))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f'{path}: not a list of classes ({error})'
            ) from None
        return LabelMapValues(len(names), reduced, names=names)
    path = root / 'classes.txt'
    if path.is_file():
        lines = path.read_text(encoding='utf-8').split('\n')
        names = tuple(line.strip() for line in lines if line.strip())
        return LabelMapValues(len(names), names=names)
    return None


def verify_segmentation(
    root: Path, check: DatasetCheck, values: LabelMapValues
) -> None:
    """Verify ``root/{images,annotations}/<split>/``.

    Each image needs a label map of the same stem and size, a PNG with values
    that mean a class.
    """
    if check.known is not None:
        splits = list(check.known.images)
    else:
        folders = sorted((root / 'images').glob('[!.]*/'))
        splits = [folder.name for folder in folders if folder.is_dir()]
    if not splits:
        check.problem(
            'missing folder',
            f'{root}: expected are {root}/images/<split>/ with images and '
            f'{root}/annotations/<split>/ with their label maps',
        )
    if values.names is not None:
        check.faults(name_faults(str(root), values.names))
    for split in splits:
        _verify_split(root, split, check, values)


def _verify_split(
    root: Path, split: str, check: DatasetCheck, values: LabelMapValues
) -> None:
    folders = [root / part / split for part in ('images', 'annotations')]
    missing = [folder for folder in folders if not folder.is_dir()]
    for folder in missing:
        inner = sorted(root.glob('*/images'))
        hint = f'; did you mean {inner[0].parent}?' if inner else ''
        check.problem(
            'missing folder',
            f'{folder}: no such folder; extract the archive again '
            f'(images and label maps have folders of the same name){hint}',
        )
    if missing:
        return
    images = _by_stem(folders[0], SUFFIXES, check)
    maps = _by_stem(folders[1], ('.png',), check)
    for stem in sorted(images.keys() - maps.keys()):
        check.problem(
            'missing label map',
            f'{images[stem]}: has no label map {folders[1] / stem}.png; '
            'extract the archive again, or remove the image',
        )
    for stem in sorted(maps.keys() - images.keys()):
        check.problem(
            'missing image',
            f'{maps[stem]}: has no image {folders[0] / stem}.jpg (or of '
            'another suffix); extract the archive again, or remove the map',
        )
    check.facts.append(
        f'{split}: {len(images):,} images, {len(maps):,} label maps'
    )
    check.compare_count(split, len(images))
    stems = sorted(images.keys() & maps.keys())
    _open_pairs(
        [images[stem] for stem in stems],
        [maps[stem] for stem in stems],
        split,
        check,
        values,
    )


def _by_stem(
    folder: Path, suffixes: tuple[str, ...], check: DatasetCheck
) -> dict[str, Path]:
    """Map paths without suffix, relative to the folder, to files."""
    listing = list_folder(str(folder), suffixes)
    for note in listing.notes():
        check.notes.append(f'{folder}: {note}')
    return {name.rpartition('.')[0]: folder / name for name in listing.files}


def _open_pairs(
    images: list[Path],
    maps: list[Path],
    split: str,
    check: DatasetCheck,
    values: LabelMapValues,
) -> None:
    # Sequentially, so that each has all workers and its own progress bar.
    sizes = {
        index: content.oriented
        for index, content in check.open_images(images, split)
    }
    if not sizes:
        return
    tally = LabelMapTally(f'{split} of {maps[0].parent}', values)
    for index, found in inspect_chosen(
        read_label_map, maps, check.opening, f'{split}, maps'
    ):
        tally.add(str(maps[index]), found, str(images[index]), sizes[index])
    check.faults(tally.faults(is_complete=tally.count == len(maps)))
    check.facts.append(
        f'{split}: {tally.count:,} pairs opened; values in the label maps: '
        f'{_spans(sorted(tally.pixels)) or "none"}'
    )


def _spans(values: list[int]) -> str:
    """Format ascending numbers as ranges: 0 to 10, 255."""
    spans: list[list[int]] = []
    for value in values:
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ', '.join(
        str(first) if first == last else f'{first} to {last}'
        for first, last in spans
    )

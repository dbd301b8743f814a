"""Images with label maps, in ADE20K layout."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.image_files import (
    Inspection,
    Opening,
    inspect_images,
    inspect_label_maps,
)
from mixmae.data_tools.verification.image_notes import ImageNotes
from mixmae.data_tools.verification.known_sets import KnownSet
from mixmae.data_tools.verification.split_counts import compare_count
from mixmae.datasets.labels.image_headers import (
    UPRIGHT,
    LabelledSize,
    size_faults,
)
from mixmae.datasets.labels.label_maps import ValueMeaning, value_faults
from mixmae.datasets.unlabeled_image_folder import SUFFIXES
from mixmae.fileio.image_listing import list_folder, list_images

LISTED_VALUES = 8


@dataclass(frozen=True)
class LabelValues:
    """Allowed values of label maps.

    Attributes:
        num_classes: Number of classes; None for any value.
        reduce_zero_label: Whether 0 is ignored and classes count from 1, as
            in ADE20K.
        ignore_index: Value of ignored pixels.
        names: Names of the classes, if known.

    Raises:
        ValueError: ``num_classes`` is out of range.
    """

    num_classes: int | None = None
    reduce_zero_label: bool = False
    ignore_index: int = 255
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.num_classes is not None and not 1 <= self.num_classes <= 256:
            raise ValueError(
                f'num_classes must be 1 to 256, got {self.num_classes}'
            )

    @property
    def largest(self) -> int:
        """Largest value of a class in the files."""
        assert self.num_classes is not None
        return self.num_classes - (0 if self.reduce_zero_label else 1)

    @property
    def meaning(self) -> ValueMeaning:
        """Return the same settings for all maps of a split together."""
        return ValueMeaning(
            self.num_classes,
            self.reduce_zero_label,
            self.ignore_index,
            self.names,
        )

    def ill(self, inspection: Inspection) -> list[tuple[int, int]]:
        """Return values that are not allowed, with their pixel counts."""
        if self.num_classes is None:
            return []
        return [
            (value, count)
            for value, count in inspection.values
            if value > self.largest and value != self.ignore_index
        ]


def known_values(root: Path) -> LabelValues | None:
    """Return the values given by ``classes.json`` or ``classes.txt``.

    Raises:
        ValueError: The file cannot be read.
    """
    path = root / 'classes.json'
    if path.is_file():
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            names = tuple(map(str, content['classes']))
            reduced = bool(content.get('reduce_zero_label', False))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f'{path}: no list of classes ({error})') from None
        return LabelValues(len(names), reduced, names=names)
    path = root / 'classes.txt'
    if path.is_file():
        lines = path.read_text(encoding='utf-8').split('\n')
        names = tuple(line.strip() for line in lines if line.strip())
        return LabelValues(len(names), names=names)
    return None


def verify_segmentation(
    root: Path,
    findings: Findings,
    opening: Opening,
    values: LabelValues,
    known: KnownSet | None = None,
    subset: bool = False,
) -> None:
    """Verify ``root/{images,annotations}/<split>/``.

    Each image needs a label map of the same stem and size, a PNG with allowed
    values.

    Args:
        root: Folder of the dataset.
        findings: Receives the results.
        opening: Selection of the files to open.
        values: Allowed values.
        known: Names of the splits and published figures, if any.
        subset: Whether fewer images are allowed.
    """
    if known is not None:
        splits = list(known.images)
    elif (root / 'images').is_dir():
        folders = sorted((root / 'images').iterdir())
        splits = [f.name for f in folders if f.is_dir() and f.name[0] != '.']
    else:
        splits = []
    if not splits:
        findings.problem(
            'missing folder',
            f'{root}: expected are {root}/images/<split>/ with images and '
            f'{root}/annotations/<split>/ with their label maps',
        )
    for split in splits:
        _verify_split(root, split, findings, opening, values)
        if known is not None and not subset:
            folder = root / 'images' / split
            if folder.is_dir():
                count = len(list_images(str(folder), SUFFIXES))
                compare_count(findings, known, split, count)


def _verify_split(
    root: Path,
    split: str,
    findings: Findings,
    opening: Opening,
    values: LabelValues,
) -> None:
    folders = [root / part / split for part in ('images', 'annotations')]
    missing = [folder for folder in folders if not folder.is_dir()]
    for folder in missing:
        inner = sorted(root.glob('*/images'))
        hint = f'; did you mean {inner[0].parent}?' if inner else ''
        findings.problem(
            'missing folder',
            f'{folder}: no such folder; unpack the archive again (images and '
            f'label maps have folders of the same name){hint}',
        )
    if missing:
        return
    images = _by_stem(folders[0], SUFFIXES, findings)
    maps = _by_stem(folders[1], ('.png',), findings)
    for stem in sorted(images.keys() - maps.keys()):
        findings.problem(
            'missing label map',
            f'{images[stem]}: has no label map {folders[1] / stem}.png; '
            f'unpack the archive again, or remove the image',
        )
    for stem in sorted(maps.keys() - images.keys()):
        findings.problem(
            'missing image',
            f'{maps[stem]}: has no image {folders[0] / stem}.jpg (or of '
            f'another suffix); unpack the archive again, or remove the map',
        )
    findings.fact(f'{split}: {len(images):,} images, {len(maps):,} label maps')
    stems = sorted(images.keys() & maps.keys())
    _open_pairs(
        [images[stem] for stem in stems],
        [maps[stem] for stem in stems],
        split,
        findings,
        opening,
        values,
    )


def _by_stem(
    folder: Path, suffixes: tuple[str, ...], findings: Findings
) -> dict[str, Path]:
    """Map paths without suffix, relative to the folder, to files."""
    listing = list_folder(str(folder), suffixes)
    for note in listing.notes():
        findings.note(f'{folder}: {note}')
    return {name.rpartition('.')[0]: folder / name for name in listing.files}


def _open_pairs(
    images: list[Path],
    maps: list[Path],
    split: str,
    findings: Findings,
    opening: Opening,
    values: LabelValues,
) -> None:
    pictures = inspect_images(images, opening, f'{split}, images')
    # Sequentially, so that each has all workers and its own progress bar.
    seen = dict(pictures)
    notes = ImageNotes(opening.decoding)
    for picture in seen.values():
        notes.add(picture)
    for line in notes.lines():
        findings.note(f'{split}: {line}')
    pixels: Counter[int] = Counter()
    turned: list[LabelledSize] = []
    for index, found in inspect_label_maps(maps, opening, f'{split}, maps'):
        pixels.update(dict(found.values))
        picture = seen[index]
        if picture.header and picture.header.orientation != UPRIGHT:
            size = (found.width, found.height)
            name = str(images[index])
            turned.append(LabelledSize(name, picture.header, size))
        _compare_pair(
            images[index], maps[index], picture, found, findings, values
        )
    if seen:
        source = f'{split} of {maps[0].parent}'
        is_complete = len(seen) == len(maps)
        findings.faults(
            value_faults(
                source, pixels, values.meaning, len(seen), is_complete
            )
        )
        findings.faults(size_faults(source, turned, count=len(seen)))
        findings.fact(
            f'{split}: {len(seen):,} pairs opened; values in the label maps: '
            f'{_spans(sorted(pixels)) or "none"}'
        )


def _compare_pair(
    image: Path,
    label_map: Path,
    picture: Inspection,
    labels: Inspection,
    findings: Findings,
    values: LabelValues,
) -> None:
    if picture.fault is not None:
        heading, text = picture.problem
        findings.problem(heading, f'{image}: {text}')
    if labels.fault is not None:
        findings.problem(
            'broken label map', f'{label_map}: {labels.fault}; replace it'
        )
    if picture.fault is not None or labels.fault is not None:
        return
    sizes = [f'{c.width} x {c.height} px' for c in (labels, picture)]
    upright = picture.header is None or picture.header.orientation == UPRIGHT
    if sizes[0] != sizes[1] and upright:
        findings.problem(
            'label map of another size',
            f'{label_map}: is of {sizes[0]} (width x height), its image '
            f'{image} of {sizes[1]}; replace one of them',
        )
    ill = values.ill(labels)
    if ill:
        shown = [f'{value} in {count} pixels' for value, count in ill]
        more = len(shown) - LISTED_VALUES
        findings.problem(
            'label out of range',
            f'{label_map}: has value {", ".join(shown[:LISTED_VALUES])}'
            + (f' and {more} more' if more > 0 else '')
            + f'; allowed are 0 to {values.largest} and '
            f'{values.ignore_index}: correct the map or the number of '
            f'classes',
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

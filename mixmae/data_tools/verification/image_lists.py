"""Images in lists with labels, as for iNaturalist and Places."""

from collections import Counter
from pathlib import Path

from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.image_files import Opening
from mixmae.data_tools.verification.image_notes import open_all_images
from mixmae.data_tools.verification.known_sets import KnownSet
from mixmae.data_tools.verification.split_counts import (
    compare_classes,
    compare_count,
)
from mixmae.datasets.existing_files import ExistingFiles
from mixmae.fileio.safe_path import UnsafePathError, path_below


def verify_image_lists(
    root: Path,
    kind: str,
    findings: Findings,
    opening: Opening,
    known: KnownSet,
    subset: bool = False,
) -> None:
    """Verify ``root/meta/{train,val}.txt`` and the images in them.

    Args:
        root: Folder of the dataset; paths in the lists are relative to it.
        kind: Name of the dataset, for advice.
        findings: Receives the results.
        opening: Selection of the files to open.
        known: Published figures; labels must be below ``known.classes``.
        subset: Whether fewer images are allowed.
    """
    existing = ExistingFiles()
    for split in ('train', 'val'):
        path = root / 'meta' / f'{split}.txt'
        if not path.is_file():
            findings.problem(
                'missing list',
                f'{path}: no such list; write it with python '
                f'tools/dataset_converters/make_lists.py {kind} {root}',
            )
            continue
        _verify_list(
            root,
            path,
            findings,
            opening,
            existing,
            known.classes,
            None if subset else known,
        )


def _verify_list(
    root: Path,
    path: Path,
    findings: Findings,
    opening: Opening,
    existing: ExistingFiles,
    classes: int,
    known: KnownSet | None,
) -> None:
    split, there = path.stem, []
    lines: dict[str, int] = {}
    counts: Counter[int] = Counter()
    text = path.read_text(encoding='utf-8', errors='replace')
    # Not splitlines(), which splits at other characters, too.
    listed = text.removesuffix('\n').split('\n')
    for number, line in enumerate(listed, 1):
        where = f'{path}, line {number}'
        name, _, label = line.strip().rpartition(' ')
        if not name or not label.isdecimal() or int(label) >= classes:
            findings.problem(
                'bad line',
                f'{where}: {line[:200]!r} is not a path and a label from 0 '
                f'to {classes - 1}; write the list anew',
            )
            continue
        try:
            image = Path(path_below(root, name))
        except UnsafePathError as error:
            findings.problem('bad file name', f'{where}: {error}')
            continue
        if name in lines:
            findings.problem(
                'image listed twice',
                f'{where}: {name} stands in line {lines[name]}, too; remove '
                f'one of them',
            )
            continue
        lines[name] = number
        counts[int(label)] += 1
        if image in existing:
            there.append(image)
        else:
            findings.problem(
                'missing image',
                f'{where}: there is no image {image}; unpack the '
                f'archive of images in {root}, or write the list anew',
            )
    findings.fact(
        f'{split}: {len(lines):,} images of {len(counts):,} classes listed, '
        f'{len(there):,} of them are there'
    )
    compare_count(findings, known, split, len(lines))
    compare_classes(findings, known, split, counts)
    open_all_images(there, split, findings, opening)

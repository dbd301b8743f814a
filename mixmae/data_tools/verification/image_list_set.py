"""Images in lists with labels, as for iNaturalist and Places."""

from collections import Counter
from pathlib import Path

from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.datasets.listed_paths import ExistingFiles
from mixmae.fileio.safe_path import UnsafePathError, path_below


def verify_image_lists(
    root: Path, kind: str, classes: int, check: DatasetCheck
) -> None:
    """Verify ``root/meta/{train,val}.txt`` and the images in them.

    Args:
        root: Folder of the dataset; paths in the lists are relative to it.
        kind: Name of the dataset, for advice.
        classes: Number of classes; labels must be below it.
        check: Receives the results.
    """
    existing = ExistingFiles()
    for split in ('train', 'val'):
        path = root / 'meta' / f'{split}.txt'
        if path.is_file():
            _verify_list(root, path, classes, existing, check)
        else:
            check.problem(
                'missing list',
                f'{path}: list does not exist; write it with python '
                f'tools/dataset_converters/make_lists.py {kind} {root}',
            )


def _verify_list(
    root: Path,
    path: Path,
    classes: int,
    existing: ExistingFiles,
    check: DatasetCheck,
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
            check.problem(
                'bad line',
                f'{where}: {line[:200]!r} is not a path and a label from 0 to '
                f'{classes - 1}; write the list again',
            )
            continue
        try:
            image = Path(path_below(root, name))
        except UnsafePathError as error:
            check.problem('invalid file name', f'{where}: {error}')
            continue
        if name in lines:
            check.problem(
                'image listed twice',
                f'{where}: {name} is also in line {lines[name]}; remove one '
                'of them',
            )
            continue
        lines[name] = number
        counts[int(label)] += 1
        if image in existing:
            there.append(image)
        else:
            check.problem(
                'missing image',
                f'{where}: image {image} does not exist; extract the archive '
                f'of images in {root}, or write the list again',
            )
    check.fact(
        f'{split}: {len(lines):,} images of {len(counts):,} classes listed, '
        f'{len(there):,} of them exist'
    )
    check.compare_count(split, len(lines))
    check.compare_classes(split, len(counts), counts)
    check.open_all_images(there, split)

"""Images with one class each: class folders, and tables (CSV)."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mixmae.datasets.labels.class_folders import (
    class_folders,
    is_ignored_folder,
    sorted_classes,
)
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.safe_path import path_fault, regular_file
from mixmae.recipes.fine_tuning_settings import FineTuningOptions
from mixmae.recipes.labelled_split import (
    TEST_NAMES,
    TRAIN_NAMES,
    VAL_NAMES,
    hold_out,
    subfolder,
)

# Names of columns, in lower case, without spaces and signs.
PATH_COLUMNS = (
    'path', 'file', 'filename', 'image', 'imagepath', 'imagename', 'imagefile',
    'img', 'imgpath', 'imgname', 'filepath', 'imageid', 'id',
)  # fmt: skip
CLASS_COLUMNS = (
    'class', 'label', 'category', 'target', 'classname', 'labelname', 'y',
)  # fmt: skip
SPLIT_COLUMNS = ('split', 'set', 'subset', 'fold', 'partition')
# Other names of a split are of images to train on.
SPLITS = dict.fromkeys(VAL_NAMES, 'val') | dict.fromkeys(TEST_NAMES, 'test')


@dataclass(frozen=True)
class ClassLists:
    """Images of a classification.

    Attributes:
        root: Folder that paths are relative to.
        train: Paths and class names of the images to train on.
        val: Likewise, to validate on.
        classes: Class names in the order of the labels.
        notes: What was found and decided, a line each.
    """

    root: Path
    train: list[tuple[str, str]]
    val: list[tuple[str, str]]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write ``train.txt`` and ``val.txt``: lines of path and label.

        Raises:
            ValueError: A name cannot be written to a list.
        """
        labels = {name: label for label, name in enumerate(self.classes)}
        for split in ('train', 'val'):
            lines = []
            for path, name in getattr(self, split):
                # mmpretrain strips lines.
                fault = path_fault(path)
                if fault or path != path.strip():
                    raise ValueError(
                        f'{self.root}: {fault or repr(path)}; rename the file'
                    )
                lines.append(f'{path} {labels[name]}\n')
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f'{split}.txt').write_text(''.join(lines), 'utf-8')


def read_class_lists(
    data: str | os.PathLike, options: FineTuningOptions
) -> ClassLists:
    """Read labelled images, and split off a validation share if need be.

    Args:
        data: A folder with one subfolder for each class, or with such folders
            in ``train/`` and ``val/``; or a CSV file with columns for the
            image and its class, and perhaps the split.
        options: Those of the call; ``images`` is the folder that the paths of
            a CSV are relative to, None = that of the CSV.

    Raises:
        ValueError: The data cannot be used for training; the message has the
            reason.
    """
    path = Path(data)
    found = _read('data', path, options.images)
    if options.val_data is not None:
        other = Path(options.val_data)
        also = _read('val_data', other, options.images)
        root = Path(os.path.commonpath([found.root, also.root]))
        found = replace(
            found,
            root=root,
            train=_below(found, root, found.train + found.val),
            val=_below(also, root, also.train + also.val),
            notes=(*found.notes, f'{len(also.train)} images in {other}'),
        )
    if not found.train:
        raise ValueError(
            f'{path}: there is no labelled image to train on; a folder has a '
            f'subfolder of images for each class'
        )
    classes = sorted_classes({name for _, name in found.train})
    if len(classes) < 2:
        raise ValueError(
            f'{path}: all {len(found.train)} images are of one class, '
            f'{classes[0]!r}; a classifier needs at least two. Pass a folder '
            f'with a subfolder for each class, or a CSV with an image and its '
            f'class on each line'
        )
    unknown = sorted_classes({name for _, name in found.val} - set(classes))
    if unknown:
        raise ValueError(
            f'{path}: the validation data has class {", ".join(unknown)}, '
            'which has no training image'
        )
    train, val = (
        [str(found.root / name) for name, _ in split]
        for split in (found.train, found.val)
    )
    labels = [name for _, name in found.train + found.val]
    kept, drawn, notes = hold_out(
        train, val, labels, options.val_share, options.seed, labels
    )
    return replace(
        found,
        train=[found.train[index] for index in kept],
        val=found.val or [found.train[index] for index in drawn],
        classes=classes,
        notes=(*found.notes, *notes),
    )


def _below(
    found: ClassLists, root: Path, entries: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    prefix = os.path.relpath(found.root, root)
    return [(os.path.normpath(f'{prefix}/{p}'), name) for p, name in entries]


def _read(
    name: str, path: Path, images: str | os.PathLike | None
) -> ClassLists:
    if not path.exists():
        raise ValueError(f'{name}: there is no {path.resolve()}')
    if not path.is_dir():
        return _from_table(path, images)
    if images is not None:
        raise ValueError(
            f'images has no effect with class folders ({path}); it is for '
            f'the paths of a CSV'
        )
    return _from_folders(path)


def _from_folders(folder: Path) -> ClassLists:
    train = subfolder(folder, TRAIN_NAMES)
    val = subfolder(folder, VAL_NAMES)
    test = subfolder(folder, TEST_NAMES)
    if train is None:
        entries, notes = _folder_entries(folder, '')
        return ClassLists(folder.resolve(), entries, [], (), tuple(notes))
    entries, notes = _folder_entries(train, f'{train.name}/')
    others: list[tuple[str, str]] = []
    if val is not None:
        others, more = _folder_entries(val, f'{val.name}/')
        notes += [*more, f'train: {train}, val: {val}']
    if test is not None:
        notes.append(f'{test} is not used; it is for testing')
    return ClassLists(folder.resolve(), entries, others, (), tuple(notes))


def _folder_entries(
    folder: Path, prefix: str
) -> tuple[list[tuple[str, str]], list[str]]:
    found = class_folders(folder, SUFFIXES)
    entries, notes = [], []
    for name in found.names:
        if is_ignored_folder(name):
            notes.append(f'{folder / name} is not a class; skipped')
            continue
        listing = list_folder(str(folder / name), SUFFIXES)
        if not listing.files:
            notes.append(f'{folder / name} has no image: no class')
        notes += [f'{folder / name}: {note}' for note in listing.notes()]
        entries += [(f'{prefix}{name}/{p}', name) for p in listing.files]
    return entries, notes


def _from_table(path: Path, images: str | os.PathLike | None) -> ClassLists:
    rows = _rows(path)
    names = [re.sub(r'[\W_]', '', cell.lower()) for cell in rows[0]]
    image = _column(names, PATH_COLUMNS)
    label = _column(names, CLASS_COLUMNS)
    split = _column(names, SPLIT_COLUMNS)
    if image is None and label is None:
        image, label, split, body = 0, 1, None, rows
        note = 'no header: column 1 is the image, column 2 its class'
    elif image is None or label is None:
        raise ValueError(
            f'{path}: columns {rows[0]}; one must be called '
            f'{"image or path" if image is None else "class or label"}'
        )
    else:
        body = rows[1:]
        note = (
            f'column {rows[0][image]!r} is the image, {rows[0][label]!r} its '
            f'class'
            + ('' if split is None else f', {rows[0][split]!r} the split')
        )
    root = (Path(images) if images is not None else path.parent).resolve()
    found: dict[str, tuple[str, str]] = {}
    unknown: set[str] = set()
    for number, row in enumerate(body, 1 + len(rows) - len(body)):
        if len(row) <= max(image, label, split or 0):
            raise ValueError(f'{path}, line {number}: {row} lacks a column')
        name, kind = row[image].strip(), row[label].strip()
        name = _resolved(name, root, path, number)
        if not kind:
            raise ValueError(f'{path}, line {number}: {name} has no class')
        part = row[split].strip().lower() if split is not None else 'train'
        if part not in (*SPLITS, *TRAIN_NAMES):
            unknown.add(repr(part))
        entry = kind, SPLITS.get(part, 'train')
        # An image on two lines could be trained on and validated on.
        for what, here, above in zip(
            ('class', 'split'), entry, found.setdefault(name, entry)
        ):
            if here != above:
                raise ValueError(
                    f'{path}, line {number}: {name} is {here!r} here and '
                    f'{above!r} above; an image has one {what}'
                )
    train, val, left = (
        [(name, kind) for name, (kind, part) in found.items() if part == one]
        for one in ('train', 'val', 'test')
    )
    notes = [note]
    if len(found) < len(body):
        notes.append(f'{len(body) - len(found)} lines repeat an image')
    if unknown:
        some = ', '.join(sorted(unknown)[:5])
        notes.append(f'{len(unknown)} splits are trained on as well: {some}')
    if left:
        notes.append(f'{len(left)} lines of the split "test" are left out')
    return ClassLists(root, train, val, (), tuple(notes))


def _resolved(name: str, root: Path, path: Path, number: int) -> str:
    """Return a path relative to the root, with a suffix if it has none."""
    if os.path.isabs(name):
        inside = os.path.relpath(name, root)
        # The message on any other has it as it was given.
        name = name if inside.split(os.sep)[0] == os.pardir else inside
    fault = path_fault(name)
    if fault:
        raise ValueError(f'{path}, line {number}: {fault}')
    for suffix in ('', *SUFFIXES):
        if (root / f'{name}{suffix}').is_file():
            # ./a.png is a.png.
            return os.path.normpath(f'{name}{suffix}')
    remedy = (
        f'paths are relative to {root}, or to the folder given as images '
        f'(--images)'
    )
    if number == 1:
        remedy += '; a header has columns called image and class'
    elif '\\' in name:
        remedy = 'its folders must be separated by /, not by \\'
    raise ValueError(
        f'{path}, line {number}: there is no file {root / name}; {remedy}'
    )


def _rows(path: Path) -> list[list[str]]:
    try:
        with open(
            path, encoding='utf-8-sig', newline='', opener=regular_file
        ) as file:
            text = file.read()
    except UnicodeDecodeError:
        raise ValueError(f'{path}: not UTF-8; save it as CSV UTF-8') from None
    except (OSError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from None
    first = text.split('\n', 1)[0]
    delimiter = max(',;\t', key=first.count)
    lines = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    rows = [row for row in lines if any(cell.strip() for cell in row)]
    if not rows or len(rows[0]) < 2:
        raise ValueError(
            f'{path}: not a table with an image and its class on each line, '
            f'separated by commas, semicolons or tabs'
        )
    return rows


def _column(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(n) for n in known if n in names), None)

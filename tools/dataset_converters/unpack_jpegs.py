"""Unpack JPEG files kept in one NumPy archive into class folders.

    python tools/dataset_converters/unpack_jpegs.py ARCHIVE.npz DST

The archive holds, for each split S, ``S_jpeg`` (uint8, all files end to
end), ``S_offset`` (file i is S_jpeg[S_offset[i]:S_offset[i + 1]]) and
``S_label``, and the ``classes``. Written are ``DST/S/<class>/<number>.jpg``,
bytes unmodified: the layout of ImageNet, for labelled or unlabelled use.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from mixmae.cli.command_line import CommandParser, run_tool
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.npz_file import read_arrays
from mixmae.fileio.safe_path import path_fault


class Split(NamedTuple):
    """One split of an archive, checked."""

    name: str
    data: np.ndarray
    offset: np.ndarray
    label: np.ndarray


def read_archive(archive: Path) -> tuple[list[str], list[Split]]:
    """Classes and splits.

    Raises:
        ConfigError: no such archive, one of another kind, one whose parts do
            not fit each other, or names that lead out of the target.
    """
    if not archive.is_file():
        raise ConfigError(f'archive {archive} does not exist')
    try:
        content = read_arrays(archive)
        classes = [str(name) for name in content['classes'].tolist()]
        splits = [
            Split(
                name.removesuffix('_jpeg'),
                content[name],
                content[name.removesuffix('jpeg') + 'offset'],
                content[name.removesuffix('jpeg') + 'label'],
            )
            for name in content
            if name.endswith('_jpeg')
        ]
    # Bytes that are no archive make NumPy and zipfile raise almost anything.
    except Exception as error:
        raise ConfigError(
            f'{archive} contains no packed JPEGs: {type(error).__name__}: '
            f'{error}'
        ) from None
    for split in splits:
        fault = _fault(split, len(classes))
        if fault:
            raise ConfigError(f'{archive}: split {split.name}: {fault}')
    for name in [*classes, *(split.name for split in splits)]:
        if name == '.' or path_fault(name) or set('/\\') & set(name):
            raise ConfigError(
                f'{archive}: {name[:200]!r} is not a valid folder name: it '
                'may lead out of the target folder'
            )
    if not splits:
        raise ConfigError(
            f'{archive} contains no packed JPEGs: no S_jpeg in it'
        )
    return classes, splits


def _fault(split: Split, classes: int) -> str:
    whole = [a.ndim == 1 and a.dtype.kind in 'iu' for a in split[2:]]
    if not all(whole) or split.data.dtype != np.uint8 or split.data.ndim != 1:
        return 'jpeg must be uint8, offset and label integers, all 1-D'
    offset, label = split.offset.astype(np.int64), split.label
    if len(offset) != len(label) + 1:
        return f'{len(label)} labels need one more offset, not {len(offset)}'
    if len(label) and not 0 <= label.min() <= label.max() < classes:
        return f'labels must be 0 to {classes - 1}'
    ends = offset[0] >= 0 and offset[-1] <= len(split.data)
    if not ends or (np.diff(offset) < 0).any():
        return f'offsets must increase from 0 to at most {len(split.data)}'
    return ''


def unpack(archive: Path, target: Path) -> int:
    """Write every split; no file is left if it fails.

    Returns:
        The number of files written.

    Raises:
        ConfigError: see ``read_archive``; the target is there already, or
            cannot be written.
    """
    if os.path.lexists(target):
        raise ConfigError(f'{target} exists already; remove it first')
    classes, splits = read_archive(archive)
    written = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(
            tempfile.mkdtemp(dir=target.parent, prefix=f'.{target.name}-')
        )
    except OSError as error:
        raise ConfigError(
            f'{target} cannot be written: {error.strerror}'
        ) from error
    try:
        # A folder of mkdtemp's is private.
        partial.chmod(0o755)
        for split in splits:
            for name in classes:
                folder = partial / split.name / name
                folder.mkdir(parents=True, exist_ok=True)
            data, offset = split.data, split.offset
            for i, label in enumerate(tqdm(split.label, desc=split.name)):
                path = partial / split.name / classes[label] / f'{i:06d}.jpg'
                path.write_bytes(data[offset[i] : offset[i + 1]].tobytes())
                written += 1
        partial.rename(target)
    except OSError as error:
        raise ConfigError(
            f'{error.filename} cannot be written: {error.strerror}'
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return written


def main() -> None:
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument('archive', type=Path)
    parser.add_argument('dst', type=Path, help='output folder')
    args = parser.parse_args()
    written = unpack(args.archive, args.dst)
    print(f'wrote {written} files to {args.dst}')


if __name__ == '__main__':
    run_tool(main)

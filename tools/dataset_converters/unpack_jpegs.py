"""Unpacks JPEG files kept in one NumPy archive into class folders.

    python tools/dataset_converters/unpack_jpegs.py ARCHIVE.npz DST

The archive holds, for each split S, ``S_jpeg`` (uint8, all files end to
end), ``S_offset`` (file i is S_jpeg[S_offset[i]:S_offset[i + 1]]) and
``S_label``, and the ``classes``. Written are ``DST/S/<class>/<number>.jpg``,
bytes unmodified: the layout of ImageNet, for labelled or unlabelled use.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm


def unpack(archive: Path, target: Path) -> int:
    """Writes every split; nothing is left behind if it fails.

    Returns:
        The number of files written.

    Raises:
        ValueError: no such archive, one of another kind, or the target is
            there already.
    """
    if target.exists():
        raise ValueError(f'{target} exists already; remove it first')
    if not archive.is_file():
        raise ValueError(f'no archive at {archive}')
    try:
        content = np.load(archive, allow_pickle=False)
        classes = content['classes'].tolist()
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f'{archive} holds no packed JPEGs: {error}') from None
    splits = [
        name.removesuffix('_jpeg')
        for name in content.files
        if name.endswith('_jpeg')
    ]
    partial = target.with_name(target.name + '.partial')
    shutil.rmtree(partial, ignore_errors=True)
    written = 0
    for split in splits:
        data, offset = content[f'{split}_jpeg'], content[f'{split}_offset']
        labels = content[f'{split}_label']
        for name in classes:
            (partial / split / name).mkdir(parents=True)
        for i, label in enumerate(tqdm(labels, desc=split)):
            path = partial / split / classes[label] / f'{i:06d}.jpg'
            path.write_bytes(data[offset[i] : offset[i + 1]].tobytes())
            written += 1
    partial.rename(target)
    return written


def main(argv: list[str] | None = None) -> int:
    """Returns 0, or 2 after one line on what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('archive', type=Path)
    parser.add_argument('dst', type=Path, help='folder to make')
    args = parser.parse_args(argv)
    try:
        written = unpack(args.archive, args.dst)
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(f'wrote {written} files to {args.dst}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())

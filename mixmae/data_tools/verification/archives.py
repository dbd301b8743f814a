"""Comparison of downloaded archives with published checksums."""

import hashlib
from pathlib import Path

from tqdm import tqdm

from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.known_sets import KnownSet

BLOCK = 1 << 22


def file_digest(path: Path, algorithm: str, progress: bool = False) -> str:
    """Return the checksum of a file in hexadecimal."""
    # These detect damaged downloads; they need not resist an attacker.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    bar = tqdm(
        total=path.stat().st_size,
        desc=path.name,
        unit='B',
        unit_scale=True,
        disable=None if progress else True,
    )
    with open(path, 'rb') as file, bar:
        while block := file.read(BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def verify_archives(
    folder: Path,
    known: KnownSet,
    findings: Findings,
    progress: bool = False,
) -> None:
    """Compare the checksums of a dataset's archives in a folder.

    Raises:
        ValueError: The folder does not exist, no checksum is published, or
            there is no archive.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder of archives')
    if not known.archives:
        raise ValueError(f'no sums of the archives of {known.title} are known')
    names = ', '.join(archive.name for archive in known.archives)
    found = [a for a in known.archives if (folder / a.name).is_file()]
    if not found:
        raise ValueError(
            f'{folder}: none of the archives of {known.title} ({names})'
        )
    for archive in found:
        path = folder / archive.name
        digest = file_digest(path, archive.algorithm, progress)
        if digest == archive.digest:
            findings.fact(f'{path}: {archive.algorithm} is as published')
        else:
            findings.problem(
                'sum of an archive',
                f'{path}: {archive.algorithm} is {digest}, published is '
                f'{archive.digest}; download it again from {known.page}',
            )

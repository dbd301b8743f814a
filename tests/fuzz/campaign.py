"""Damaged and forged checkpoints, each read in its own process."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.loading.backbone_state import backbone_state
from mixmae.checkpoints.loading.recorded_model import recorded_model
from mixmae.fileio.atomic_write import damage
from mixmae.fileio.safe_path import FLAG
from mixmae.fileio.shown_text import printable
from tests.fuzz.forked_outcome import outcome
from tests.fuzz.mutations import MUTATIONS, WEIGHTS
from tests.fuzz.samples import KINDS, safetensors, saved

LONGEST_LINE = 600


@dataclass(frozen=True)
class Case:
    """A file that is generated from a seed.

    Attributes:
        seed: of the random numbers.
        kind: of checkpoint, and the mutation.
        data: the bytes.
        suffix: of the file.
    """

    seed: int
    kind: str
    data: bytes
    suffix: str = '.pth'

    def read(self, folder: Path) -> tuple[str, str]:
        """Read the file in a fork and use its content.

        Args:
            folder: where it is written for that.

        Returns:
            What came of it: 'loaded', 'refused', or a word for what should
            not be; and in the last case what was said.
        """
        path = folder / f'case{self.suffix}'
        path.write_bytes(self.data)
        said = outcome(lambda: _use(path))
        what, _, line = said.partition(': ')
        if what == 'done':
            return 'loaded', ''
        if what != 'refused':
            return what, said
        if printable(line) != line or len(line) > LONGEST_LINE:
            return 'no single line', said
        if str(path) not in line:
            return 'the file is not named', said
        # Zip files have checksums; a name in an old one may become another.
        damaged = not self.kind.endswith(('pickle', 'forged'))
        if damaged and FLAG in line and 'legacy' not in self.kind:
            return 'a damaged file is to be trusted', said
        return what, ''


def _use(path: Path) -> str:
    """Use a checkpoint as tools do, down to its last byte."""
    wrong = damage(path)
    content = safe_load(path)
    repr(content)
    for tensor in _tensors(content):
        if tensor.numel() < 10**6:
            tensor.clone().to(torch.float32)
    meta = content.get('meta')
    recorded_model(meta if isinstance(meta, Mapping) else {})
    try:
        backbone_state(content)
    except ValueError as error:
        # Names are made printable where errors are printed.
        assert str(error)
    return 'damaged, but loaded' if wrong else 'loaded'


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for one in dict.values(value):
            yield from _tensors(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)


def cases(seed: int, count: int) -> Iterator[Case]:
    """Return the cases of consecutive seeds."""
    files = {
        f'{name} {"zip" if new else "legacy"}': saved(make(), new)
        for name, make in KINDS.items()
        for new in (True, False)
    }
    files['safetensors'] = safetensors()
    for number in range(seed, seed + count):
        numbers = random.Random(number)
        kind = numbers.choice(list(files))
        name = numbers.choices(list(MUTATIONS), WEIGHTS)[0]
        if kind == 'safetensors' and name not in ('bytes', 'truncated'):
            name = 'bytes'
        data = MUTATIONS[name](numbers, files[kind])
        suffix = '.safetensors' if kind == 'safetensors' else '.pth'
        yield Case(number, f'{kind} {name}', data, suffix)


def run(seed: int, count: int, keep: Path | None = None) -> dict[str, Any]:
    """Read a number of cases.

    Args:
        seed: of the first.
        count: of cases.
        keep: folder for the files that something is wrong with.

    Returns:
        Counts by what came of them, and the faults by seed.
    """
    faults: dict[int, str] = {}
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(seed, count):
            what, said = case.read(Path(folder))
            counts[what] += 1
            if not said:
                continue
            faults[case.seed] = f'{case.kind}: {said}'
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f'{case.seed}{case.suffix}').write_bytes(case.data)
    return {'counts': dict(counts), 'faults': faults}

"""Manifest of a run: its settings and the files that it wrote."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from mixmae.engine.manifest.run_record import RunRecord
from mixmae.fileio.atomic_write import write_text_durably
from mixmae.fileio.safe_path import path_fault, read_json

NAME = 'run.json'
# Name of the file in which MMEngine records the last checkpoint.
NOTE = 'last_checkpoint'
VERSION = 1
KINDS = ('checkpoint', 'best', 'interrupted')
# Checkpoint that a run writes when a signal interrupts it.
INTERRUPTED = 'interrupted.pth'
# Names of checkpoints in folders without a manifest.
NUMBERED = re.compile(r'(?:epoch|iter)_(\d{1,12})\.pth')
BEST = re.compile(r'best_.+_(?:epoch|iter)_\d{1,12}\.pth')


@dataclass
class WrittenFile:
    """A checkpoint in a manifest.

    Attributes:
        kind: 'checkpoint', 'best' or 'interrupted'.
        epoch: Finished epochs.
        iter: Finished iterations.
        rotates: Whether it is removed when enough newer ones exist.
        superseded: Whether the run has since resumed from an earlier one.
    """

    kind: str
    epoch: int
    iter: int
    rotates: bool = False
    superseded: bool = False


@dataclass
class Manifest:
    """Settings of a run and the checkpoints that it wrote.

    The file is ``run.json`` in the work folder. A checkpoint is listed before
    it is written, so that a run that is killed in between finds it again.
    Files that are not listed are never removed. Names are those of files in
    the checkpoint folder, which only the config sets.

    Attributes:
        record: Settings; ``None`` if they could not be read.
        files: Checkpoints by name.
        finished: Whether the training has finished.
    """

    record: RunRecord | None
    files: dict[str, WrittenFile] = field(default_factory=dict)
    finished: bool = False

    @classmethod
    def read(cls, work_dir: str | os.PathLike) -> Manifest | None:
        """Read the manifest of a folder; ``None`` if it has none.

        Raises:
            ValueError: It is damaged, or of a later version.
        """
        path = Path(work_dir) / NAME
        try:
            content = read_json(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(
                f'{path} cannot be read: {error.strerror or error}'
            ) from None
        except ValueError:
            raise ValueError(f'{path} is damaged: it is not JSON') from None
        if not isinstance(content, dict) or content.get('version') != VERSION:
            raise ValueError(
                f'{path} is not the manifest of a run in version {VERSION}'
            )
        files = content.get('files')
        if not isinstance(files, dict):
            raise ValueError(f'{path} is damaged: it lists no files')
        return cls(
            record=RunRecord.from_dict(content.get('record')),
            files=dict(_entries(files, path)),
            finished=content.get('finished') is True,
        )

    def text(self) -> str:
        """Return the content of the file."""
        content = dict(
            version=VERSION,
            finished=self.finished,
            record=self.record and self.record.to_dict(),
            files={name: asdict(one) for name, one in self.files.items()},
        )
        return json.dumps(content, indent=1) + '\n'

    def write(self, work_dir: str | os.PathLike) -> None:
        """Write the file atomically.

        Raises:
            OSError: It cannot be written; the previous file is unchanged.
        """
        write_text_durably(Path(work_dir) / NAME, self.text())

    def current(self, *kinds: str) -> dict[str, WrittenFile]:
        """Return files of some kinds that are not superseded, oldest first."""
        found = [
            (name, one)
            for name, one in self.files.items()
            if one.kind in kinds and not one.superseded
        ]
        return dict(sorted(found, key=lambda item: item[1].iter))


class RunFolders(NamedTuple):
    """Folders of a run.

    Attributes:
        work_dir: Folder of the logs, the manifest and the record of the last
            checkpoint.
        checkpoints: Folder of the checkpoints; ``work_dir`` unless the config
            sets another one.
        template: ``filename_tmpl`` of the checkpoints; '' for the default.
    """

    work_dir: Path
    checkpoints: Path
    template: str = ''

    @classmethod
    def of(cls, cfg: Config) -> RunFolders:
        """Read the folders of a config as MMEngine's hook does."""
        work_dir = Path(os.path.abspath(cfg.work_dir))
        hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
        template = str(hook.get('filename_tmpl') or '')
        out_dir = hook.get('out_dir')
        if out_dir is None or str(out_dir) == str(work_dir):
            return cls(work_dir, work_dir, template)
        return cls(work_dir, Path(out_dir) / work_dir.name, template)

    @property
    def places(self) -> tuple[Path, ...]:
        """Return each folder once."""
        return tuple(dict.fromkeys((self.work_dir, self.checkpoints)))


def is_plain_name(name: Any) -> bool:
    """Return True if a string is a checkpoint's file name without a folder."""
    return (
        path_fault(name) is None
        and name.endswith('.pth')
        and not name.startswith('.')
        and not set(name) & {'/', '\\'}
    )


def _number_patterns(template: str) -> list[re.Pattern]:
    """Return patterns of the names that hold an epoch or an iteration."""
    if not template:
        return [NUMBERED]
    parts = re.split(r'\{[^{}]*\}', template)
    own = r'(\d{1,12})'.join(map(re.escape, parts))
    return [NUMBERED, re.compile(own)]


def numbered(name: str, template: str) -> re.Match | None:
    """Match a name with an epoch or an iteration, which is group 1.

    The template is the ``filename_tmpl`` of the run.
    """
    matches = [one.fullmatch(name) for one in _number_patterns(template)]
    return next(filter(None, matches), None)


def is_written_name(name: str, template: str = '') -> bool:
    """Return True if runs without a manifest write files of this name."""
    patterns = _number_patterns(template)
    patterns += [re.compile(f'best_.+_{one.pattern}') for one in patterns]
    return is_plain_name(name) and (
        name == INTERRUPTED or any(one.fullmatch(name) for one in patterns)
    )


def written_files(folders: RunFolders) -> list[Path]:
    """Return the checkpoints of a run on the disk, sorted by name."""
    try:
        manifest = Manifest.read(folders.work_dir)
    except ValueError:
        manifest = None
    names = set(manifest.files) if manifest else set()
    place = folders.checkpoints
    if place.is_dir():
        found = (path.name for path in place.iterdir())
        names |= {n for n in found if is_written_name(n, folders.template)}
    return [place / n for n in sorted(names) if os.path.lexists(place / n)]


def files_before(
    folders: RunFolders, iteration: int, epoch_length: int
) -> dict[str, WrittenFile]:
    """Return checkpoints of a folder without a manifest, by name.

    Args:
        folders: Folders of the run.
        iteration: Iteration that the run resumes from, the last one
            considered.
        epoch_length: Iterations of an epoch; 0 for loops by iterations.
    """
    found: dict[str, WrittenFile] = {}
    if not folders.checkpoints.is_dir():
        return found
    for path in folders.checkpoints.iterdir():
        match = numbered(path.name, folders.template)
        if match is None:
            continue
        number = int(match[1])
        if path.name.startswith('iter_'):
            epoch, step = number // max(1, epoch_length), number
        elif epoch_length:
            epoch, step = number, number * epoch_length
        else:
            continue
        if step <= iteration:
            found[path.name] = WrittenFile('checkpoint', epoch, step)
    return found


def _entries(files: dict, path: Path) -> Iterator[tuple[str, WrittenFile]]:
    for name, one in files.items():
        sound = (
            is_plain_name(name)
            and isinstance(one, dict)
            and one.get('kind') in KINDS
            and all(
                type(one.get(key)) is int and one[key] >= 0
                for key in ('epoch', 'iter')
            )
        )
        if not sound:
            raise ValueError(
                f'{path} is damaged: {name!r} is not a checkpoint of a run'
            )
        yield (
            name,
            WrittenFile(
                kind=one['kind'],
                epoch=one['epoch'],
                iter=one['iter'],
                rotates=one.get('rotates') is True,
                superseded=one.get('superseded') is True,
            ),
        )

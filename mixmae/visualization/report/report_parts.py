"""Parts of a report that need the model, written during the run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixmae.fileio.atomic_write import atomic_write

FOLDER = 'report'
ABOUT = 'about'
FEATURES = 'features'
PREDICTIONS = 'predictions'
_STEP = re.compile(r'reconstructions_(\d{1,12})\.json')
# Positions of the slider.
MOST_STEPS = 16
# Of one part.
MOST_BYTES = 32 << 20


@dataclass
class ReportParts:
    """Parts of one run, read from ``report/*.json`` in its work folder.

    Attributes:
        about: Facts of the run that its config does not state, by name.
        reconstructions: Views by step, in ascending order; see
            ``reconstruction_views``.
        features: See ``feature_map``; None without one.
        predictions: Confusion matrix and pictures of a fine-tuning; None
            without them.
    """

    about: dict[str, str] = field(default_factory=dict)
    reconstructions: list[dict[str, Any]] = field(default_factory=list)
    features: dict[str, Any] | None = None
    predictions: dict[str, Any] | None = None

    @classmethod
    def read(cls, work_dir: Path, origin: str = '') -> ReportParts:
        """Read the parts that processes since ``origin`` have written."""
        folder = work_dir / FOLDER
        steps = sorted(
            (int(match[1]), path)
            for path in folder.glob('reconstructions_*.json')
            if (match := _STEP.fullmatch(path.name))
        )
        found = [
            part
            for _, path in steps
            if (part := _read(path, origin)) is not None
        ]
        # The page takes them from the last step.
        for part in found[:-1]:
            for row in part.get('images', ()):
                row.pop('original', None)
        chosen = {
            round(i * (len(found) - 1) / (MOST_STEPS - 1))
            for i in range(MOST_STEPS)
        }
        return cls(
            about=_read(folder / f'{ABOUT}.json', origin) or {},
            reconstructions=[
                part for i, part in enumerate(found) if i in chosen
            ],
            features=_read(folder / f'{FEATURES}.json', origin),
            predictions=_read(folder / f'{PREDICTIONS}.json', origin),
        )


def write_part(
    work_dir: str | os.PathLike,
    name: str,
    timestamp: str,
    content: Mapping[str, Any],
) -> None:
    """Write one part atomically.

    Args:
        timestamp: Start of the process, as MMEngine names its folder of logs.
    """
    path = Path(work_dir) / FOLDER / f'{name}.json'
    with atomic_write(path) as partial:
        text = json.dumps({'timestamp': timestamp, 'content': content})
        partial.write_text(text)


def _read(path: Path, origin: str) -> Any:
    """Content of a part; None if there is none of this run."""
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            return None
        part = json.loads(path.read_text())
        return part['content'] if part['timestamp'] >= origin else None
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None

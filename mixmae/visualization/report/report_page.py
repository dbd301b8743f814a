"""Page of a report, from the folders of runs."""

from __future__ import annotations

import datetime
import getpass
import json
import math
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from mixmae.fileio.address import public_addresses
from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.shown_text import printable_lines
from mixmae.version import __version__
from mixmae.visualization.loss_curve import LossCurve, read_reference
from mixmae.visualization.report.plotted_values import report_plots
from mixmae.visualization.report.run_history import RunHistory, main_settings
from mixmae.visualization.report.verdict import verdict

NAME = 'report.html'
PAGE = Path(__file__).parent / 'page'
# Curves of the recipes, in a checkout and in a wheel.
PACKAGE = Path(__file__).resolve().parents[2]
CONFIGS = (PACKAGE.parent / 'configs', PACKAGE / '.mim' / 'configs')
# Shorter names of hosts and users would be found within words.
SHORTEST_NAME = 4
# Parts of a run that need the model, written during it.
FOLDER = 'report'
ABOUT = 'about'
FEATURES = 'features'
PREDICTIONS = 'predictions'
_STEP = re.compile(r'reconstructions_(\d{1,12})\.json')
# Positions of the slider.
MOST_STEPS = 16
# Of one part.
MOST_BYTES = 32 << 20


def write_report(
    runs: Sequence[str | os.PathLike], out: str | os.PathLike | None = None
) -> Path:
    """Write the report of a run, or a comparison of several.

    Args:
        runs: Work folders.
        out: Path of the page; None writes ``report.html`` into the folder of
            the first run.

    Returns:
        Path of the page: one HTML file that needs no other file and no
        network.

    Raises:
        ValueError: There are no runs, or a folder has no log of scalars.
    """
    if not runs:
        raise ValueError('a report needs the work folder of at least one run')
    folders = [Path(run) for run in runs]
    target = Path(out) if out is not None else folders[0] / NAME
    text = report_html(folders)
    with atomic_write(target) as partial:
        partial.write_text(text, encoding='utf-8')
    return target


def report_html(folders: Sequence[Path]) -> str:
    """Return the text of the page."""
    names = _names(folders)
    histories = [RunHistory.read(folder) for folder in folders]
    parts = [
        ReportParts.read(history.folder, history.origin)
        for history in histories
    ]
    runs = []
    for name, history, part in zip(names, histories, parts, strict=True):
        settings = {**main_settings(history.config), **part.about}
        runs.append({
            'name': name,
            'verdict': public_text(verdict(history)),
            'settings': {k: public_text(v) for k, v in settings.items()},
            'events': [(k, public_text(line)) for k, line in history.events],
            'config': public_text(history.config),
        })  # fmt: skip
    pairs = list(zip(names, histories, strict=True))
    data = {
        'names': names,
        'plots': report_plots(pairs, _reference(folders[0])),
        'reconstructions': [part.reconstructions for part in parts],
        'features': [part.features for part in parts],
        'predictions': [part.predictions for part in parts],
    }
    rows = dict.fromkeys(key for run in runs for key in run['settings'])
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template('report.html.jinja').render(
        title=' and '.join(names),
        runs=runs,
        rows=list(rows),
        data=_script_json(data),
        parts=parts,
        plots=data['plots'],
        style=_file('uPlot.min.css') + _file('report.css'),
        plot_script=_file('uPlot.iife.min.js'),
        script=_file('report.js'),
        version=__version__,
        written=datetime.datetime.now().isoformat(' ', 'minutes'),
    )


def _names(folders: Sequence[Path]) -> list[str]:
    """Shortest names that differ: the last parts of the paths."""
    paths = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, paths)) + 1):
        names = ['/'.join(parts[-length:]) for parts in paths]
        if len(set(names)) == len(names):
            break
    return [public_text(name) for name in names]


def public_text(text: str) -> str:
    """Return a text without credentials, host name and home folder."""
    text = printable_lines(public_addresses(text))
    if Path.home() != Path('/'):
        text = text.replace(str(Path.home()), '~')
    for name, shown in ((socket.gethostname(), 'HOST'), (_user(), 'USER')):
        if len(name) >= SHORTEST_NAME:
            text = text.replace(name, shown)
    return text


def _user() -> str:
    try:
        name = getpass.getuser()
    # No entry for the user, as in containers.
    except (KeyError, OSError):
        return ''
    # Part of many words and paths.
    return '' if name in ('root', 'user', 'data', 'admin') else name


def _reference(folder: Path) -> LossCurve | None:
    """Curve of the recipe that a run's config is named after."""
    for config in sorted(folder.glob('*.py')):
        for root in CONFIGS:
            for curve in root.glob(f'*/curves/{config.stem}.json'):
                return read_reference(curve)[0]
    return None


def _script_json(data: Any) -> str:
    """JSON for a ``<script>`` element: no character that ends it.

    Values that are not finite, which JSON lacks, become null.
    """
    text = json.dumps(_finite(data), ensure_ascii=True, separators=(',', ':'))
    for character in '<>&':
        text = text.replace(character, f'\\u{ord(character):04x}')
    return text


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    unfit = isinstance(data, float) and not math.isfinite(data)
    return None if unfit else data


def _file(name: str) -> str:
    return (PAGE / name).read_text(encoding='utf-8')


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

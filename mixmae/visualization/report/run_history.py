"""History and main settings of a run, read from its work folder."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixmae.checkpoints.loading.recorded_model import parse_config_text
from mixmae.visualization.loss_curve import is_number, scalar_files

# Keys of a log row that are no measured values.
_COUNTERS = ('iter', 'epoch', 'step')
# Log lines that a report lists, by kind; the first match decides. Kind '':
# what the frameworks say about themselves is left out.
_EVENTS = (
    ('', r' - WARNING - .*\bdeprecated\b'),
    ('', r' - WARNING - .*(?:is the alias of|prefix is not set in metric)'),
    ('resume', r'\b[Rr]esum(?:e|ed|ing) (?:from|at|the|epoch:|iter:)'),
    ('interrupted', r'\bafter iteration \d+: saved\b'),
    ('skipped update', r'\bupdates? (?:is |was )?skipped\b'),
    ('corrupt files', r'\bcorrupt (?:image|file)s?\b'),
    ('warning', r' - (?:WARNING|ERROR) - '),
)
MOST_EVENTS = 200
# Larger files are read up to here.
MOST_LOG_BYTES = 64 << 20
MOST_CONFIG_BYTES = 1 << 20


@dataclass
class Series:
    """A measured value over the course of a run."""

    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: float, value: float) -> None:
        """Append a point; it replaces points at and after its step."""
        while self.steps and self.steps[-1] >= step:
            self.steps.pop()
            self.values.pop()
        self.steps.append(step)
        self.values.append(value)

    @property
    def finite(self) -> list[tuple[float, float]]:
        """Points whose value is finite."""
        pairs = zip(self.steps, self.values, strict=True)
        return [(step, value) for step, value in pairs if math.isfinite(value)]


@dataclass
class RunHistory:
    """Scalars, config and events of a run.

    A resumed run has a log per process: later rows replace earlier ones of
    the same step.

    Attributes:
        folder: Work folder of the run.
        unit: Unit of all steps, 'epoch' or 'iteration'.
        train: Values logged in training, by name.
        val: Values logged by validation and probes, by name.
        config: Text of the dumped config, '' if there is none.
        events: Kind and log line of interruptions, resumes, skipped updates,
            corrupt files and warnings.
        origin: Timestamp of the process that began the run; earlier ones in
            the folder belong to an overwritten run.
    """

    folder: Path
    unit: str = 'iteration'
    train: dict[str, Series] = field(default_factory=dict)
    val: dict[str, Series] = field(default_factory=dict)
    config: str = ''
    events: list[tuple[str, str]] = field(default_factory=list)
    origin: str = ''

    @classmethod
    def read(cls, folder: str | Path) -> RunHistory:
        """Read a work folder of MMEngine, of ours or of another project.

        Raises:
            ValueError: The folder has no ``scalars.json``.
        """
        folder = Path(folder)
        history = cls(folder)
        epochs = Series()
        for file in scalar_files(folder):
            history._add_rows(file, epochs)
        history._restore_held_out_error()
        if epochs.steps:
            history._count_in_epochs(epochs)
        history.config = _config_text(folder)
        for log in sorted(folder.glob('*/*.log')):
            if log.parent.name >= history.origin:
                history._add_events(log)
        return history

    def _add_rows(self, file: Path, epochs: Series) -> None:
        for row in _json_rows(file):
            kind = self.train if 'loss' in row and 'iter' in row else self.val
            step = row.get('iter' if kind is self.train else 'step')
            if not is_number(step):
                continue
            loss = self.train.get('loss')
            if kind is self.train and (not loss or step <= loss.steps[0]):
                # MMEngine names the folder of a process so.
                self.origin = file.parent.parent.name
                self.val.clear()
            if kind is self.train and is_number(row.get('epoch')):
                epochs.add(float(step), float(row['epoch']))
            for name, value in row.items():
                if name not in _COUNTERS and is_number(value):
                    series = kind.setdefault(name, Series())
                    series.add(float(step), float(value))

    def _restore_held_out_error(self) -> None:
        """Compute the held-out error of each validation from its ratio.

        Logs of earlier versions have its mean over all validations so far.
        """
        error = self.val.get('reconstruction/loss', Series())
        ratio = self.val.get('reconstruction/ratio', Series())
        filling = self.val.get('reconstruction/mean_colour_loss', Series())
        if error.steps == ratio.steps == filling.steps:
            pairs = zip(ratio.values, filling.values, strict=True)
            for i, (share, value) in enumerate(pairs):
                if math.isfinite(share):
                    error.values[i] = share * value

    def _count_in_epochs(self, epochs: Series) -> None:
        """Convert the steps of training from iterations to epochs."""
        self.unit = 'epoch'
        # Rows within an epoch have fewer iterations than its end.
        per_epoch = max(
            step / max(epoch, 1)
            for step, epoch in zip(epochs.steps, epochs.values, strict=True)
        )
        for series in self.train.values():
            series.steps = [step / per_epoch for step in series.steps]

    def _add_events(self, log: Path) -> None:
        for line in _text(log, MOST_LOG_BYTES).splitlines():
            for kind, pattern in _EVENTS:
                if re.search(pattern, line):
                    if kind and len(self.events) < MOST_EVENTS:
                        self.events.append((kind, line[:300]))
                    break


def _text(file: Path, most: int) -> str:
    with file.open('rb') as opened:
        return opened.read(most).decode(errors='replace')


def _json_rows(file: Path) -> list[dict[str, Any]]:
    """Read the JSON objects of a file by lines; others are left out."""
    rows = []
    for line in _text(file, MOST_LOG_BYTES).splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            # A kill truncates the last line of a process.
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _config_text(folder: Path) -> str:
    """Return the config that the newest process dumped."""
    found = sorted(folder.glob('*/vis_data/config.py'))
    found = found or sorted(folder.glob('*.py'))
    return _text(found[-1], MOST_CONFIG_BYTES) if found else ''


# Arguments of a backbone that tell its size.
NETWORK = ('type', 'arch', 'img_size', 'embed_dims', 'depths', 'depth')


def main_settings(config: str) -> dict[str, str]:
    """Return method, network, data and schedule by name, for a table.

    The text is parsed, not executed. What it does not state is left out.
    """
    try:
        cfg = parse_config_text(config)
    except ValueError:
        return {}
    model = _part(cfg, 'model')
    loader = _part(cfg, 'train_dataloader')
    wrapper = _part(cfg, 'optim_wrapper')
    optimizer = _part(wrapper, 'optimizer')
    train = _part(cfg, 'train_cfg')
    rows = {
        'model': _type(model),
        'method': _method(model),
        'backbone': _values(_part(model, 'backbone'), *NETWORK),
        'data': _data(_part(loader, 'dataset')),
        'batch size': _batch(loader, wrapper),
        'length': _length(train),
        'optimizer': _values(optimizer, 'type', 'lr', 'weight_decay'),
        'precision': _precision(wrapper),
        'seed': str(_part(cfg, 'randomness').get('seed', '')),
        'weights from': _weights(cfg, model),
    }
    return {name: text for name, text in rows.items() if text}


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = config.get(name)
    return part if isinstance(part, Mapping) else {}


def _type(part: Mapping[str, Any]) -> str:
    return str(part.get('type', '')).split('.')[-1]


def _method(model: Mapping[str, Any]) -> str:
    neck = _type(_part(model, 'neck'))
    masking = _part(_part(model, 'data_preprocessor'), 'masking')
    if not masking:
        return ''
    shown = _values(masking, 'type', 'ratio', 'cell', 'secondary_ratio')
    return f'{neck}; masking: {shown}'


def _data(dataset: Mapping[str, Any]) -> str:
    # Wrappers such as RepeatDataset hold another data set.
    while isinstance(dataset.get('dataset'), Mapping):
        dataset = dataset['dataset']
    return _values(dataset, 'type', 'data_root', 'ann_file', 'split')


def _batch(loader: Mapping[str, Any], wrapper: Mapping[str, Any]) -> str:
    size = loader.get('batch_size')
    if size is None:
        return ''
    times = wrapper.get('accumulative_counts') or 1
    text = f'{size} per process'
    return text if times == 1 else f'{text}, {times} accumulated'


def _length(train: Mapping[str, Any]) -> str:
    for key, unit in (('max_epochs', 'epochs'), ('max_iters', 'iterations')):
        if train.get(key):
            return f'{train[key]} {unit}'
    return ''


def _precision(wrapper: Mapping[str, Any]) -> str:
    mixed = _type(wrapper) in ('AmpOptimWrapper', 'AutocastOptimWrapper')
    dtype = wrapper.get('dtype') or ('mixed' if mixed else 'float32')
    return str(dtype) if wrapper else ''


def _weights(cfg: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    init = _part(_part(model, 'backbone'), 'init_cfg')
    # A resumed run names the checkpoint that it resumes from: see the events.
    start = None if cfg.get('resume') else cfg.get('load_from')
    return str(init.get('checkpoint') or start or '')


def _values(part: Mapping[str, Any], *names: str) -> str:
    """Return ``type`` and some arguments as Python code."""
    first = _type(part) if 'type' in names else ''
    rest = [
        f'{name}={part[name]}'
        for name in names
        if name != 'type' and part.get(name) not in (None, '', [])
    ]
    return ' '.join([first, *rest]).strip()

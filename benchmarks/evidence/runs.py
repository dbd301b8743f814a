"""One run of the campaign: its commands, and its result."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.environment_info import processor_name
from benchmarks.evidence.processes import Account, run
from benchmarks.evidence.recipe import ROOT, recipe
from benchmarks.evidence.specs import (
    RELEASED,
    TASKS,
    FineTuning,
    Pretraining,
    Spec,
    Transfer,
)
from benchmarks.evidence.views import image_view, link_view
from mixmae.engine.optimizers.autocast_optim_wrapper import auto_dtype
from mixmae.fileio.atomic_write import atomic_write
from mixmae.visualization.loss_curve import read_run

PACKAGES = ('torch', 'onedl-mmengine', 'onedl-mmpretrain', 'numpy')


class Place(NamedTuple):
    """Folders of a campaign: data, work files, results."""

    data: Path
    """``{train,val}/<class>/*``."""
    work_dir: Path
    """Checkpoints, logs, views."""
    results: Path
    """One JSON file per run."""

    def result(self, spec_name: str) -> Path:
        """The file of a run's result."""
        return self.results / f'{spec_name}.json'

    def folder(self, spec_name: str) -> Path:
        """The work folder of a run."""
        return self.work_dir / spec_name

    def checkpoint(self, spec: Pretraining) -> Path:
        """The last checkpoint of a pretraining."""
        return self.folder(spec.name) / f'epoch_{spec.epochs}.pth'


class Commands:
    """The commands of one run, each done once and accounted for.

    Args:
        spec: of the run.
        place: of the campaign.
    """

    def __init__(self, spec: Spec, place: Place) -> None:
        self.data, self.count = data_of(spec, place)
        self.spec = spec
        self.folder = place.folder(spec.name).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.account = Account(self.folder / 'processor_seconds.json')
        self.done: list[str] = []

    def call(self, stage: str, out: Path, *arguments: str) -> None:
        """Run one command of Python, unless its output is there."""
        self.done.append(' '.join(['python', *map(self._shown, arguments)]))
        if out.exists():
            return
        command = [sys.executable, *arguments]
        run(command, self.account, stage, self.folder / 'output.log', ROOT)

    def train(self, last: str, start: dict[str, Any]) -> Path:
        """Train, or resume the training.

        Args:
            last: name of the last checkpoint.
            start: options that choose the start.

        Returns:
            The last checkpoint.
        """
        checkpoint = self.folder / last
        options = {**self.spec.options(), **start}
        options |= self.data_root('train_dataloader')
        self.call(
            'train',
            checkpoint,
            *('tools/train.py', self.spec.config),
            *('--work-dir', str(self.folder), '--seed', str(self.spec.seed)),
            *('--no-validate', '--resume', 'auto', '--cfg-options'),
            *(f'{key}={value}' for key, value in options.items()),
        )
        return checkpoint

    def data_root(self, loader: str) -> dict[str, str]:
        """The option that sets where a loader reads."""
        if isinstance(self.spec, Transfer):
            return {'data_root': str(self.data)}
        return {f'{loader}.dataset.data_root': str(self.data)}

    def make_scenes(self) -> None:
        """Write the scenes of the detection task, once."""
        folder = self.data.parent
        script = 'tools/dataset_converters/make_scenes.py'
        kind = ('--size', '128', '--format', 'coco')
        count = ('--train', str(self.count))
        self.call('data', self.data, script, str(folder), *kind, *count)

    def model_options(self) -> dict[str, Any]:
        """The options without which the checkpoint is of another model."""
        options = self.spec.options()
        return {k: v for k, v in options.items() if k.startswith('model.')}

    def test(self, config: str, *arguments: str) -> dict[str, float]:
        """The figures of ``tools/test.py``, and of probes where asked for."""
        out = self.folder / 'figures.json'
        options = self.model_options() | self.data_root('test_dataloader')
        self.call(
            'measure',
            out,
            *('tools/test.py', config, *arguments),
            *('--work-dir', str(self.folder / 'test'), '--out', str(out)),
            '--cfg-options',
            *(f'{key}={value}' for key, value in options.items()),
        )
        return json.loads(out.read_text())

    def probe(self, checkpoint: Path | None) -> dict[str, float]:
        """Accuracy of kNN and of a linear probe on frozen features."""
        out = self.folder / 'probe.json'
        start = str(self.spec.seed) if checkpoint is None else str(checkpoint)
        self.call(
            'measure',
            out,
            *('-m', 'benchmarks.evidence.probe', self.spec.config),
            *(str(self.data), start, str(out)),
            json.dumps(self.model_options()),
        )
        return json.loads(out.read_text())

    def _shown(self, argument: str) -> str:
        """Return text without the folders of this machine."""
        for folder, name in (
            (str(self.folder), 'WORK_DIR'),
            (str(self.data), 'DATA'),
            (str(self.folder.parent), 'WORK_DIRS'),
        ):
            argument = argument.replace(folder, name)
        return f"'{argument}'" if set(argument) & set(" {}[]'") else argument


def data_of(spec: Spec, place: Place) -> tuple[Path, int]:
    """The folder of a run's data, and its number of training images."""
    if isinstance(spec, Transfer):
        # ``make_scenes`` writes only as many scenes as are trained on.
        folder = place.data.resolve().parent / spec.task
        if spec.task == 'scenes':
            return place.work_dir.resolve() / 'views' / 'scenes' / 'coco', 256
        return folder, len(list((folder / 'images' / 'train').iterdir()))
    labels = spec.labels if isinstance(spec, FineTuning) else 0
    parts = [spec.images]
    if labels:
        parts += [f'labels{labels}', f'seed{spec.seed}']
    view = image_view(place.data, spec.images, labels, spec.seed)
    folder = place.work_dir.resolve() / 'views' / '-'.join(parts)
    return link_view(view, folder), sum(map(len, view['train'].values()))


def pretrain(spec: Pretraining, place: Place) -> dict[str, Any]:
    """A pretraining and what its backbone is worth."""
    commands = Commands(spec, place)
    if not spec.epochs:
        return _result(commands, commands.probe(None))
    checkpoint = commands.train(f'epoch_{spec.epochs}.pth', {})
    figures = {
        name.removeprefix('reconstruction/'): value
        for name, value in commands.test(spec.config, str(checkpoint)).items()
    }
    figures |= commands.probe(checkpoint)
    curve = read_run(commands.folder).losses.round(4).tolist()
    return _result(commands, figures, curve)


def fine_tune(
    spec: FineTuning | Transfer, place: Place, weights: Path | None
) -> dict[str, Any]:
    """A fine-tuning and its figures.

    Args:
        spec: of the run.
        place: of the campaign.
        weights: that it starts from; None = from scratch.
    """
    commands = Commands(spec, place)
    init: dict[str, Any] = {'model.backbone.init_cfg': None}
    if weights is not None:
        init = {'model.backbone.init_cfg.checkpoint': str(weights)}
    if isinstance(spec, FineTuning):
        last, names = f'epoch_{spec.epochs}.pth', {'accuracy': 'accuracy/top1'}
    else:
        task = TASKS[spec.task]
        last, names = task.checkpoint, task.figures
        if spec.task == 'scenes':
            commands.make_scenes()
    figures = commands.test(spec.config, str(commands.train(last, init)))
    curve = None
    if isinstance(spec, FineTuning):
        curve = read_run(commands.folder).losses.round(4).tolist()
    shares = {
        name: figures[key] / (1 if key.startswith('coco/') else 100)
        for name, key in names.items()
    }
    return _result(commands, shares, curve)


def perform(spec: Spec, place: Place, by_name: Mapping[str, Spec]) -> None:
    """Do a run and keep its result, unless it is kept already.

    Args:
        spec: of the run; a fine-tuning first does the pretraining that it
            starts from, again if its weights are no longer there.
        place: of the campaign.
        by_name: all runs of the campaign.
    """
    if place.result(spec.name).exists():
        return
    if isinstance(spec, Pretraining):
        _keep(spec, place, pretrain(spec, place))
        return
    weights = None
    if spec.start != 'scratch':
        start = by_name[spec.start]
        assert isinstance(start, Pretraining)
        weights = place.checkpoint(start).resolve()
        if not weights.exists() and start.name in RELEASED:
            # Relative to ROOT, as the commands show it.
            weights = Path(RELEASED[start.name])
        elif not weights.exists():
            _keep(start, place, pretrain(start, place))
    _keep(spec, place, fine_tune(spec, place, weights))
    # Tens of megabytes that nothing needs again.
    shutil.rmtree(place.folder(spec.name))


def _keep(spec: Spec, place: Place, result: dict[str, Any]) -> None:
    with atomic_write(place.result(spec.name)) as partial:
        partial.write_text(json.dumps(result, indent=1) + '\n')


def _result(
    commands: Commands,
    figures: dict[str, float],
    curve: list[float] | None = None,
) -> dict[str, Any]:
    spec = commands.spec
    settings = recipe(spec)
    return {
        'kind': type(spec).__name__,
        'spec': spec._asdict(),
        'config': spec.config,
        'options': spec.options(),
        'recipe': settings,
        'commands': commands.done,
        'train_images': commands.count,
        'figures': {name: round(v, 4) for name, v in figures.items()},
        'loss_of_each_epoch': curve or [],
        'processor_seconds': commands.account.seconds,
        'hardware': hardware(settings['optim_wrapper'].get('dtype', 'auto')),
        'versions': {name: version(name) for name in PACKAGES}
        | {'python': platform.python_version()},
    }


def hardware(dtype: str) -> str:
    """The processor, its cores, and the type that products are computed in.

    Args:
        dtype: That of the run's ``AutocastOptimWrapper``.
    """
    if dtype == 'auto':
        dtype = str(auto_dtype(torch.device('cpu'))).removeprefix('torch.')
    return f'{os.cpu_count()} x {processor_name()}, {dtype}'

"""Evidence that pretraining helps, on real images: ``make evidence``.

    python tools/evidence.py [--data FOLDER] [--archive FILE.npz] [options]

Pretrains configs/mixmae/swin-mini_imagenette-96.py on a folder of pictures
in class folders (``FOLDER/{train,val}/<class>/*.jpg``; the labels are not
used), then compares the backbone with untrained ones: kNN and a linear probe
on frozen features, and fine-tuning with a tenth of the labels and with all,
at equal cost, for several seeds. Each result is kept as soon as it is there;
the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
from mmengine.config import Config
from tqdm import tqdm

from mixmae.checkpoints.safe_load import safe_load
from mixmae.engine.loss_curve import read_run
from mixmae.evaluation.fine_tuning import few_labels, fine_tune
from mixmae.evaluation.knn import knn_accuracy
from mixmae.evaluation.labelled_folder import read_split
from mixmae.evaluation.linear_probe import linear_probe
from mixmae.registry import MODELS

matplotlib.use('Agg')
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'mixmae' / 'swin-mini_imagenette-96.py'


class Task(NamedTuple):
    """One measurement; its fields are its name in the results."""

    kind: str
    """'probe' (kNN and linear) or 'fine-tune'."""
    share: float
    """Share of the train labels that is used."""
    epochs: int
    """Passes over the labelled images; 0 for a probe."""
    start: str
    """'pretrained' or 'scratch'."""
    seed: int
    """Of the untrained weights, the labels' choice, the head, the crops."""

    @property
    def name(self) -> str:
        """Unique among the tasks."""
        parts = (self.kind, f'{self.share:g}', self.start, f'seed{self.seed}')
        return '/'.join(parts)


class Setting(NamedTuple):
    """What every task needs; it is sent to other processes."""

    data: Path
    work_dir: Path
    checkpoint: Path
    threads: int


def cached_split(setting: Setting, split: str, size: int) -> tuple:
    """``read_split``, memory-mapped, so that processes share it."""
    images = setting.work_dir / f'{split}_{size}.npy'
    labels = setting.work_dir / f'{split}_{size}_labels.npy'
    if not labels.exists():
        found = read_split(setting.data / split, size)
        np.save(images, found[0].numpy())
        np.save(labels, found[1].numpy())
    pixels = torch.from_numpy(np.load(images, mmap_mode='c'))
    return pixels, torch.from_numpy(np.load(labels))


def build(setting: Setting, start: str, seed: int) -> torch.nn.Module:
    """The pretraining model, untrained from a seed or pretrained."""
    torch.manual_seed(seed)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.backbone.init_weights()
    if start == 'pretrained':
        state = safe_load(setting.checkpoint)['state_dict']
        model.load_state_dict(state)
    return model.cuda() if torch.cuda.is_available() else model


@torch.no_grad()
def features(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Globally pooled last maps, (N, C)."""
    model.eval()
    pooled = []
    for batch in images.split(128):
        normalised = normalise(model, batch)
        pooled.append(model.backbone(normalised)[-1].mean((2, 3)).cpu())
    return torch.cat(pooled)


def normalise(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """RGB pixels to the network's inputs, on its device."""
    parts = model.data_preprocessor
    return (images.to(parts.mean.device).float() - parts.mean) / parts.std


def run(task: Task, setting: Setting) -> dict[str, float]:
    """Measures one task; figures are accuracies, 0..1."""
    torch.set_num_threads(setting.threads)
    size = Config.fromfile(CONFIG).model.backbone.img_size
    train = cached_split(setting, 'train', size)
    test = cached_split(setting, 'val', size)
    model = build(setting, task.start, task.seed)
    if task.kind == 'probe':
        found, wanted = features(model, train[0]), features(model, test[0])
        sets = (found, train[1], wanted, test[1])
        linear = linear_probe(*sets).accuracy
        return {'knn': knn_accuracy(*sets), 'linear': linear}
    if task.share < 1:
        smallest = int(train[1].bincount().min())
        per_class = max(1, round(task.share * smallest))
        index = few_labels(train[1], per_class, task.seed)
        train = (train[0][index], train[1][index])
    accuracy = fine_tune(
        model.backbone,
        model.backbone.num_features[-1],
        train,
        test,
        int(test[1].max()) + 1,
        lambda images: normalise(model, images),
        epochs=task.epochs,
        seed=task.seed,
    )
    return {'accuracy': accuracy, 'labels': len(train[1])}


def pretrain(args: argparse.Namespace) -> Path:
    """Runs tools/train.py, or goes on with it; returns the checkpoint."""
    work_dir = args.work_dir / 'pretraining'
    epochs = Config.fromfile(CONFIG).train_cfg.max_epochs
    checkpoint = work_dir / f'epoch_{epochs}.pth'
    if not checkpoint.exists():
        data = args.data.resolve()
        options = [
            f'{split}_dataloader.dataset.data_root={data}'
            for split in ('train', 'val', 'test')
        ]
        tool = [sys.executable, str(ROOT / 'tools' / 'train.py'), str(CONFIG)]
        tool += ['--work-dir', str(work_dir), '--resume', 'auto']
        # Spinning threads would starve the data loader.
        patient = {'OMP_WAIT_POLICY': 'PASSIVE', **os.environ}
        command = [*tool, '--cfg-options', *options]
        subprocess.run(command, check=True, env=patient)
    return checkpoint


def measure(tasks: list[Task], setting: Setting) -> dict[str, dict]:
    """Runs what is not in the results file yet, and keeps each result."""
    file = setting.work_dir / 'results.json'
    results = json.loads(file.read_text()) if file.exists() else {}
    todo = [task for task in tasks if task.name not in results]
    context = multiprocessing.get_context('spawn')
    workers = 1 if torch.cuda.is_available() else max(1, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        jobs = {pool.submit(run, task, setting): task for task in todo}
        for job in tqdm(as_completed(jobs), total=len(jobs), desc='measuring'):
            task = jobs[job]
            results[task.name] = {**task._asdict(), **job.result()}
            tqdm.write(f'{task.name}: {job.result()}')
            partial = file.with_suffix('.partial')
            partial.write_text(json.dumps(results, indent=1))
            os.replace(partial, file)
    return results


def table(tasks: list[Task], results: dict[str, dict]) -> list[tuple]:
    """Rows (measure, scratch values, pretrained values), values per seed."""
    rows = []
    for kind, share, epochs in dict.fromkeys(task[:3] for task in tasks):
        values: dict[str, list[dict]] = {'scratch': [], 'pretrained': []}
        for task in tasks:
            if task[:3] == (kind, share, epochs) and task.name in results:
                values[task.start].append(results[task.name])
        figures = ('knn', 'linear') if kind == 'probe' else ('accuracy',)
        for figure in figures:
            name = f'{kind}: {figure}'
            if kind == 'fine-tune':
                labels = values['scratch'][0]['labels']
                name = f'fine-tuning, {labels} labels, {epochs} epochs'
            both = (values['scratch'], values['pretrained'])
            rows.append((name, *([v[figure] for v in one] for one in both)))
    return rows


def spread(values: list[float]) -> str:
    """Mean and, of several values, standard deviation."""
    if len(values) < 2:
        return f'{values[0]:.3f}'
    return f'{mean(values):.3f} ± {stdev(values):.3f}'


def report(rows: list[tuple], work_dir: Path) -> str:
    """Writes table and pictures; returns the table as Markdown."""
    lines = ['| measure | from scratch | pretrained |', '| --- | --- | --- |']
    lines += [f'| {n} | {spread(a)} | {spread(b)} |' for n, a, b in rows]
    text = '\n'.join(lines)
    (work_dir / 'table.md').write_text(text + '\n')
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    curve = read_run(work_dir / 'pretraining')
    left.plot(curve.epochs, curve.losses, marker='o')
    left.set(xlabel='epoch', ylabel='reconstruction loss', title='pretraining')
    place = np.arange(len(rows))
    for offset, column, label in (
        (-0.2, 1, 'from scratch'),
        (0.2, 2, 'pretrained'),
    ):
        values = [row[column] for row in rows]
        error = [stdev(v) if len(v) > 1 else 0 for v in values]
        heights = [mean(v) for v in values]
        right.barh(place + offset, heights, 0.38, xerr=error, label=label)
    right.set_yticks(place, [row[0] for row in rows])
    right.invert_yaxis()
    right.set(xlabel='accuracy', xlim=(0, 1), title='transfer')
    right.legend(loc='upper right')
    figure.tight_layout()
    figure.savefig(work_dir / 'evidence.png', dpi=120)
    return text


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--data', type=Path, default=Path('data/imagenette128'))
    add('--archive', type=Path, help='unpacked into --data if that is missing')
    add('--work-dir', type=Path, default=Path('work_dirs/evidence'))
    add('--seeds', type=int, nargs='+', default=[0, 1, 2])
    add('--few-epochs', type=int, default=12, help='with a tenth of labels')
    add('--all-epochs', type=int, default=2, help='with all labels')
    return parser.parse_args()


def main() -> int:
    """Returns 0, or 2 after one line on what is wrong."""
    args = parse_args()
    args.work_dir.mkdir(parents=True, exist_ok=True)
    if not args.data.exists() and args.archive:
        unpack = ROOT / 'tools' / 'dataset_converters' / 'unpack_jpegs.py'
        command = [sys.executable, str(unpack), str(args.archive)]
        subprocess.run([*command, str(args.data)], check=True)
    if not (args.data / 'train').is_dir():
        print(
            f'error: no images at {args.data}/train/<class>/; give --data a '
            f'folder with train and val, or --archive to unpack one from',
            file=sys.stderr,
        )
        return 2
    threads = (os.cpu_count() or 1) if torch.cuda.is_available() else 1
    setting = Setting(args.data, args.work_dir, pretrain(args), threads)
    size = Config.fromfile(CONFIG).model.backbone.img_size
    for split in ('train', 'val'):
        cached_split(setting, split, size)
    starts = ('scratch', 'pretrained')
    # A pretrained network's probe does not depend on the seed.
    tasks = [Task('probe', 1.0, 0, 'scratch', seed) for seed in args.seeds]
    tasks.append(Task('probe', 1.0, 0, 'pretrained', args.seeds[0]))
    for share, epochs in ((0.1, args.few_epochs), (1.0, args.all_epochs)):
        tasks += [
            Task('fine-tune', share, epochs, start, seed)
            for seed in args.seeds
            for start in starts
        ]
    results = measure(tasks, setting)
    print(report(table(tasks, results), args.work_dir))
    print(f'table and pictures in {args.work_dir}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())

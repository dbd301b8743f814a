"""Demo: pretrain a small MixMAE, evaluate it and draw reconstructions.

    python tools/demo.py

Writes synthetic scenes, pretrains configs/mixmae/swin-demo_scenes-64.py on
them without labels, and measures the network against the same one untrained.
An interrupted call is resumed by the next one; after a finished one the next
starts again. Images and results.json are in work_dirs/demo.
"""

import json
import os
import shutil
import time
import warnings
from pathlib import Path
from statistics import mean
from typing import Any

# Read as torch loads: spinning threads would starve the data loader.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import torch
from matplotlib.cbook import get_sample_data
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import Tensor
from tqdm import tqdm

from mixmae.checkpoints.io.download import PREFIX, weight_files
from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.cli.command_line import CommandParser, run_tool
from mixmae.cli.commands.reconstruct import main as reconstruct
from mixmae.cli.terminal_output import ProgressHook, progress_bar
from mixmae.datasets.scenes import CLASSES
from mixmae.datasets.scenes.scene_set import SceneSet, SceneSplit
from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.evaluation.feature_extraction import (
    dense_features,
    with_all_stages,
)
from mixmae.evaluation.few_labels import few_labels, fine_tune
from mixmae.evaluation.knn import knn_accuracy
from mixmae.evaluation.linear_probe import dense_linear_probe, linear_probe
from mixmae.evaluation.reconstruction_metric import ReconstructionMetric
from mixmae.fileio.atomic_write import atomic_write, check_output
from mixmae.registry import MODELS
from mixmae.visualization.loss_curve import draw_curves, read_run
from mixmae.visualization.pictures import write_png
from mixmae.visualization.reconstruction_panel import (
    predict_mixed,
    reconstruction_panel,
)

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
SCENES = SceneSet(size=64, train=2048, val=512, seed=0)
SECONDS = 220  # of pretraining, on machines too slow for all epochs
LEAST_EPOCHS = 4  # must exceed the warm-up of 2
LABELS_PER_CLASS = 10
FINE_TUNING: dict[str, Any] = dict(epochs=30, batch_size=20, lr=1e-3)
SEEDS = (0, 1)
DENSE_IMAGES = 512
PHOTOGRAPHS = 'swin-3stage-mixmae_imagenette-96'


def seconds_per_epoch(cfg: Config, device: torch.device) -> float:
    """Measured on a few steps; a quarter more for loading and updating."""
    model = build(cfg, device)
    batch = cfg.train_dataloader.batch_size
    images = torch.randint(0, 256, (batch, 3, 64, 64), dtype=torch.uint8)
    times = []
    for _ in range(4):
        start = time.monotonic()
        data = model.data_preprocessor(dict(inputs=images), True)
        # Fetching the loss waits for a GPU.
        loss = model(**data, mode='loss')['loss']
        loss.backward()
        loss.item()
        times.append(time.monotonic() - start)
    return min(times) * 1.25 * (SCENES.train // batch)


def pretrain(cfg: Config, folder: Path, device: torch.device) -> Path:
    """Pretrain in a folder, or resume there; return the checkpoint."""
    plan = folder / 'plan.json'
    if plan.is_file() and last_checkpoint(folder) is not None:
        epochs = json.loads(plan.read_text())['epochs']
        cfg.resume = True
        cfg.load_from = str(last_checkpoint(folder))
        print('resuming the interrupted pretraining')
    else:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fitting = int(SECONDS / seconds_per_epoch(cfg, device))
        epochs = min(cfg.train_cfg.max_epochs, max(LEAST_EPOCHS, fitting))
        plan.write_text(json.dumps({'epochs': epochs}))
    if epochs < cfg.train_cfg.max_epochs:
        print(
            f'{epochs} epochs instead of {cfg.train_cfg.max_epochs}, to take '
            f'about {SECONDS // 60} minutes on this machine'
        )
    cfg.train_cfg.max_epochs = cfg.param_scheduler[1].end = epochs
    cfg.work_dir = str(folder)
    cfg.log_level = 'ERROR'
    cfg.custom_hooks = []
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    runner = Runner.from_cfg(cfg)
    runner.register_hook(ProgressHook())
    runner.train()
    checkpoint = last_checkpoint(folder)
    assert checkpoint is not None
    return checkpoint


def build(cfg: Config, device: torch.device) -> Any:
    """The untrained model; every call the same weights."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for part in model.children():
        if hasattr(part, 'init_weights'):
            part.init_weights()
    return model.to(device)


class Measurement:
    """Everything that is measured on one network."""

    def __init__(self, model: Any, train: SceneSplit, val: SceneSplit) -> None:
        self.model = model.eval()
        self.train = train
        self.val = val

    def normalise(self, images: Tensor) -> Tensor:
        """BGR pixels to the backbone's inputs."""
        parts = self.model.data_preprocessor
        pixels = images.to(parts.mean.device).float().flip(1)
        return (pixels - parts.mean) / parts.std

    def reconstruct(self) -> dict[str, float]:
        """Error on hidden cells of the val pictures, on fixed masks."""
        metric = ReconstructionMetric()
        numbers = torch.arange(len(self.val.images))
        for part in numbers.split(128):
            samples = [
                BaseDataElement(metainfo=dict(sample_idx=i))
                for i in part.tolist()
            ]
            data = dict(inputs=self.val.images[part], data_samples=samples)
            samples = self.model.val_step(data)
            metric.process(None, [sample.to_dict() for sample in samples])
        figures = metric.evaluate(len(numbers))
        return {name.split('/')[1]: value for name, value in figures.items()}

    def probe(self) -> dict[str, float]:
        """kNN, linear probe and dense linear probe on frozen features."""
        backbone = with_all_stages(self.model.backbone).eval()
        train, val = (
            dense_features(
                backbone, map(self.normalise, split.images.split(128))
            )
            for split in (self.train, self.val)
        )
        last = train[-1].float(), val[-1].float()
        labels = self.train.labels, self.val.labels
        # Objects are small: averages over an image are of its background.
        strongest = [features.amax((2, 3)) for features in last]
        average = [features.mean((2, 3)) for features in last]
        dense = dense_linear_probe(
            [m[:DENSE_IMAGES] for m in train],
            self.train.pixel_labels,
            [m[:DENSE_IMAGES] for m in val],
            self.val.pixel_labels,
            num_classes=len(CLASSES) + 1,
            epochs=10,
        )
        return {
            'knn': knn_accuracy(
                strongest[0], labels[0], strongest[1], labels[1]
            ),
            'linear': linear_probe(
                average[0], labels[0], average[1], labels[1]
            ).accuracy,
            'dense_miou': dense.miou,
        }

    def tune(self, seed: int) -> float:
        """Return the accuracy after fine-tuning on a few labels."""
        chosen = few_labels(self.train.labels, LABELS_PER_CLASS, seed)
        return fine_tune(
            self.model.backbone,
            self.model.backbone.num_features[-1],
            (self.train.images[chosen], self.train.labels[chosen]),
            (self.val.images, self.val.labels),
            len(CLASSES),
            self.normalise,
            seed=seed,
            **FINE_TUNING,
        )

    def run(self, title: str) -> dict[str, Any]:
        """Measure the network; return all figures."""
        print(f'measuring the {title} network')
        figures = {**self.reconstruct(), **self.probe()}
        tuned = [self.tune(seed) for seed in tqdm(SEEDS, 'fine-tuning')]
        runs = {'fine_tuning': mean(tuned), 'fine_tuning_seeds': tuned}
        return {**figures, **runs}


ROWS = (
    ('loss', 'reconstruction error of hidden cells', 'lower'),
    ('mean_colour_loss', '  of filling each cell with its mean colour', ''),
    ('psnr', 'reconstruction PSNR, dB *', 'higher'),
    ('knn', 'kNN accuracy, max-pooled features', 'higher'),
    ('linear', 'linear probe accuracy', 'higher'),
    ('dense_miou', 'dense linear probe, mIoU', 'higher'),
    (
        'fine_tuning',
        f'fine-tuning on {LABELS_PER_CLASS * len(CLASSES)} labels, accuracy',
        'higher',
    ),
)


def table(results: dict[str, dict]) -> str:
    """The figures of both networks side by side, gains or not."""
    lines = [f'{"":<42}{"untrained":>10}{"pretrained":>12}   is better']
    for key, name, wanted in ROWS:
        before, after = (results[n][key] for n in ('untrained', 'pretrained'))
        gain = after < before if wanted == 'lower' else after > before
        word = ('yes' if gain else 'NO') if wanted else ''
        lines.append(f'{name:<42}{before:>10.3f}{after:>12.3f}   {word}')
    lines += [
        f'{len(CLASSES)} classes, chance {1 / len(CLASSES):.2f}; '
        f'{SCENES.val} val scenes; fine-tuning: mean of {len(SEEDS)} runs.',
        'The filling uses the true mean colour of each hidden cell, which the '
        'network has to predict.',
        "* un-normalised with the target's own statistics, which improves the "
        'score.',
    ]
    return '\n'.join(lines)


def main() -> None:
    """Write, pretrain, measure, show."""
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, default='work_dirs/demo')
    parser.add_argument('--data', type=Path, default='data/scenes')
    args = parser.parse_args()
    started = time.monotonic()
    warnings.filterwarnings('ignore')
    load_only_safely()
    cfg = Config.fromfile(CONFIG)
    init_default_scope('mixmae')
    device = torch.device(get_device())
    print(f'MixMAE demo on {device}, results in {args.work_dir}')
    results_file = args.work_dir / 'results.json'
    check_output(results_file)
    SCENES.write(args.data, progress_bar('scenes', 'scene'))
    cfg.train_dataloader.dataset.data_root = str(args.data / 'imagenet')

    if results_file.is_file():
        shutil.rmtree(args.work_dir / 'pretraining', ignore_errors=True)
        results_file.unlink()
    checkpoint = pretrain(cfg, args.work_dir / 'pretraining', device)

    train = SceneSplit(args.data, 'train', DENSE_IMAGES)
    val = SceneSplit(args.data, 'val', DENSE_IMAGES)
    results: dict[str, Any] = {}
    for name in ('untrained', 'pretrained'):
        model = build(cfg, device)
        if name == 'pretrained':
            model.load_state_dict(safe_load(checkpoint)['state_dict'])
        results[name] = Measurement(model, train, val).run(name)

    curve = read_run(args.work_dir / 'pretraining')
    draw_curves(
        args.work_dir / 'loss.png', {'loss': curve}, 'MixMAE on scenes'
    )
    panel = reconstruction_panel(
        predict_mixed(model, dict(inputs=val.images[:8]))
    )
    write_png(args.work_dir / 'reconstruction.png', panel)
    results['epochs'] = len(curve.epochs)
    results['seconds'] = round(time.monotonic() - started)
    with atomic_write(results_file) as partial:
        partial.write_text(json.dumps(results, indent=2) + '\n')
    print(f'\n{table(results)}\n')
    for name in ('loss.png', 'reconstruction.png', 'results.json'):
        print(args.work_dir / name)
    if PHOTOGRAPHS in weight_files():
        print('a photograph, reconstructed by weights that clones have:')
        # Grace Hopper, US Navy, public domain.
        photograph = get_sample_data('grace_hopper.jpg', asfileobj=False)
        out = str(args.work_dir / 'photograph')
        weights = f'{PREFIX}{PHOTOGRAPHS}'
        reconstruct([weights, photograph, '--resize', '96', '--out', out])
    print(f'done in {results["seconds"] / 60:.1f} minutes')


if __name__ == '__main__':
    run_tool(main)

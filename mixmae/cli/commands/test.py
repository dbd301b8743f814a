"""The command ``test``: evaluate a checkpoint.

The evaluator of the config computes the metrics: mmdet's COCO box and mask AP,
mmseg's mIoU, mmpretrain's accuracy; for pretraining the ReconstructionMetric
on fixed masks.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mixmae.apis.output_folder import CONFIG
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.cli.command_line import (
    CommandParser,
    add_run_arguments,
    refuse_unused,
    run_config,
)
from mixmae.cli.runner_builder import build_runner, drop_sharding
from mixmae.config.config_paths import type_name
from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import open_values
from mixmae.distributed.process_group import prepare_process_group, unwrapped
from mixmae.engine.hooks.visualization_hook import (
    draw_predictions,
    framework_of,
)
from mixmae.evaluation.results_json import results_json
from mixmae.fileio.address import hidden_address
from mixmae.fileio.atomic_write import atomic_write, check_output
from mixmae.preflight import PlannedRun, PreflightHook
from mixmae.preflight.check_list import build_preflight
from mixmae.visualization.pictures import write_png
from mixmae.visualization.reconstruction_panel import (
    predict_mixed,
    reconstruction_panel,
)

NUM_PANELS = 4
# Of the metrics of mmdet and mmseg: the argument that makes them write what
# the model predicts, and its place in the folder.
OUTPUTS: Mapping[str, tuple[str, str]] = {
    'CocoMetric': ('outfile_prefix', 'predictions'),
    'IoUMetric': ('output_dir', 'masks'),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description='Test a checkpoint')
    parser.add_argument('config', help='config file, or the folder of a run')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file, or the folder of a run (default: that of the '
        'config), for its best one',
    )
    add_run_arguments(parser)
    parser.add_argument(
        '--out', metavar='JSON', help='write the metrics to this file'
    )
    parser.add_argument(
        '--show-dir',
        metavar='FOLDER',
        help='write visualizations to this folder: reconstruction panels of a '
        'pretraining, otherwise the prediction for each image, drawn by '
        'mmdet, mmseg or mmpretrain',
    )
    parser.add_argument(
        '--details',
        metavar='FOLDER',
        help='write a confusion matrix, a table of the classes and all '
        'predictions of a classifier, detector or segmentor to this folder',
    )
    parser.add_argument(
        '--num-panels',
        type=int,
        help='number of reconstruction panels of 8 images each (default: 4)',
    )
    args = parser.parse_args(argv)
    folder = Path(args.config)
    if folder.is_dir():
        args.config = str(config_of(folder))
        args.checkpoint = args.checkpoint or str(folder)
    if args.checkpoint is None:
        parser.error(f'{folder} is no folder of a run: name a checkpoint')
    return args


def config_of(folder: Path) -> Path:
    """Return the config in the folder of a run.

    MMEngine copies the config of ``mixmae train`` under its own name.
    """
    place = folder / CONFIG
    others = [] if place.exists() else sorted(folder.glob('*.py'))
    if len(others) > 1:
        raise ConfigError(
            f'{folder} has several configs, '
            f'{", ".join(one.name for one in others)}; pass that of the run '
            f'and the folder'
        )
    return others[0] if others else place


def is_pretraining(cfg: Config) -> bool:
    """Return True if the model reconstructs hidden cells.

    A kNN test uses the same model without a mask.
    """
    if type_name(cfg.model) != 'MaskedImageModel':
        return False
    return cfg.model.data_preprocessor.get('masking') is not None


def write_panels(runner: Runner, folder: Path, count: int) -> None:
    """Write panels of 8 images each, from the first images of the test set."""
    loader = runner.test_dataloader
    model = unwrapped(runner.model)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = list(range(len(loader.dataset)))
    for panel in range(count):
        chosen = numbers[8 * panel : 8 * panel + 8]
        if not chosen:
            return
        data = loader.collate_fn([loader.dataset[i] for i in chosen])
        picture = reconstruction_panel(predict_mixed(model, data))
        write_png(folder / f'panel_{panel:02d}.png', picture)


def with_classes(figures: dict, runner: Runner) -> dict:
    """Add class names to per-class metrics."""
    tables = [value for value in figures.values() if np.ndim(value) > 0]
    meta = getattr(runner.test_dataloader.dataset, 'metainfo', {})
    if not tables or not meta.get('classes'):
        return figures
    return {**figures, 'classes': meta['classes']}


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    args.checkpoint = best_checkpoint(args.checkpoint)
    cfg = run_config(args, 'test')
    if cfg.get('test_dataloader') is None:
        raise ConfigError(f'{args.config} has no test_dataloader')
    if args.out is not None:
        check_output(args.out, '.json')
    cfg.load_from = hidden_address(args.checkpoint)
    cfg.resume = False
    if any(open_values(cfg)):
        # Reads the checkpoint, or images.
        from mixmae.datasets.auto_image_values import set_image_values

        print('\n'.join(set_image_values(cfg, args.checkpoint)))
    planned = PlannedRun('test', cfg, args.cfg_options or {})
    preflight = build_preflight(planned, ignored=args.ignore_check)
    preflight.run('config', planned)
    panels = args.show_dir is not None and is_pretraining(cfg)
    count = NUM_PANELS if args.num_panels is None else args.num_panels
    if not panels:
        unless = 'without --show-dir, or for a model without reconstruction'
        refuse_unused(args, ('num_panels',), unless)
    elif count < 1:
        raise ConfigError(f'--num-panels must be at least 1, got {count}')
    else:
        check_output(Path(args.show_dir, 'panel_00.png'))
    if args.show_dir is not None and not panels:
        draw_predictions(cfg, Path(args.show_dir))
    if args.details is not None:
        add_details(cfg, Path(args.details))
    # Load strictly: an untrained head must not be evaluated. The kNN test has
    # no head, and its loop loads the backbone strictly itself.
    if type_name(cfg.test_cfg) != 'KNNTestLoop':
        hooks = cfg.get('custom_hooks') or []
        cfg.custom_hooks = [*hooks, dict(type='mixmae.StrictLoadHook')]
    load_only_safely()
    drop_sharding(cfg)
    prepare_process_group(cfg)
    runner = build_runner(cfg)
    runner.register_hook(
        PreflightHook(preflight, planned, only=args.preflight_only)
    )
    figures = runner.test()
    if is_main_process():
        if panels:
            write_panels(runner, Path(args.show_dir), count)
        text = results_json(with_classes(figures, runner))
        print(text)
        if args.out is not None:
            with atomic_write(args.out) as partial:
                partial.write_text(text + '\n')


def add_details(cfg: Config, folder: Path) -> None:
    """Make a test write details of its classes to a folder.

    Args:
        cfg: Config; its ``test_evaluator`` is changed.
        folder: Output folder: ``classes.csv``, ``confusion.csv``,
            ``confusion.png`` and the predictions: ``predictions.csv`` of a
            classifier, ``predictions.*.json`` in COCO's format of results, or
            ``masks/*.png``.

    Raises:
        ConfigError: The model predicts no classes.
        ValueError: The folder cannot be written.
    """
    if framework_of(cfg) is None:
        raise ConfigError(
            f'--details: a model of type {cfg.model.get("type")} predicts no '
            f'classes; it is for classifiers, detectors and segmentors'
        )
    check_output(folder / 'classes.csv')
    stated: Any = cfg.test_evaluator
    evaluators = stated if isinstance(stated, (list, tuple)) else [stated]
    changed = []
    for one in evaluators:
        name = type_name(one)
        if name in OUTPUTS:
            argument, place = OUTPUTS[name]
            one = {**one, argument: str(folder / place)}
        changed.append(one)
    details = dict(type='mixmae.ClassDetails', folder=str(folder))
    cfg.test_evaluator = [*changed, details]

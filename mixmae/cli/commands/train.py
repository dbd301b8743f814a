"""The command ``train``: train the model of a config."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence

import torch
from mmengine.config import Config

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.cli.command_line import (
    CommandParser,
    add_run_arguments,
    run_config,
)
from mixmae.cli.runner_builder import build_runner, check_engine
from mixmae.config.config_paths import type_name
from mixmae.config.failure_report import ConfigError, end_workers
from mixmae.config.option_values import open_values
from mixmae.distributed.process_group import (
    end_process_group,
    first_rank,
    on_main_rank,
    prepare_process_group,
)
from mixmae.engine.manifest.manifest import RunFolders
from mixmae.fileio.file_lock import WorkDirLock
from mixmae.preflight import Check, PlannedRun, PreflightHook
from mixmae.preflight.check_list import build_preflight
from mixmae.preflight.work_folder_check import DiskSpace, WorkFolderCheck


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = run_config(args, 'training')
    check_engine(cfg)
    apply_arguments(cfg, args)
    prepare_process_group(cfg)
    folders = RunFolders.of(cfg)
    locks = [WorkDirLock(folder) for folder in folders.places]
    on_main_rank(lambda: acquire(locks) if first_rank(cfg) else None)
    start = None
    if args.resume is not None or cfg.get('resume'):
        # A new run looks for no checkpoint.
        from mixmae.preflight import resumed_start

        asked = resumed_start.requested_start(cfg, args.resume)
        start = on_main_rank(
            lambda: resumed_start.choose_start(asked, folders)
        )
        resumed_start.apply_start(cfg, start)
    if any(open_values(cfg)):
        # Measures images; most runs have nothing to measure.
        from mixmae.datasets.auto_image_values import set_image_values

        lines = set_image_values(cfg)
        if first_rank(cfg):
            print('\n'.join(lines))
    check = WorkFolderCheck(folders, start, args.overwrite)
    checks: list[Check] = [check, DiskSpace(folders, args.overwrite)]
    follow_config = False
    if start is not None:
        resumed, follow_config = resumed_start.compare_resumed(
            cfg, start, args.resume_with
        )
        checks += resumed
        line = resumed_start.finished_message(cfg, start, folders)
        if line and not args.preflight_only:
            if first_rank(cfg):
                print(line)
            end_process_group()
            return
    planned = PlannedRun('train', cfg, args.cfg_options or {})
    preflight = build_preflight(planned, *checks, ignored=args.ignore_check)
    preflight.run('config', planned)
    load_strictly(cfg)
    load_only_safely()
    # MMEngine's schedulers step in every micro-iteration. PyTorch warns
    # because it assumes that the scheduler steps before the optimizer.
    warnings.filterwarnings('ignore', 'Detected call of `scheduler.step')
    runner = build_runner(cfg)
    runner.register_hook(
        PreflightHook(preflight, planned, only=args.preflight_only)
    )
    # Imported here: only few runs need these hooks.
    if follow_config:
        from mixmae.engine.hooks.config_schedule_hook import (
            ConfigScheduleHook,
        )

        runner.register_hook(ConfigScheduleHook())
    if args.overwrite:
        from mixmae.engine.hooks.overwrite_hook import OverwriteHook

        runner.register_hook(OverwriteHook(folders, check.obstacles()))
    runner.train()
    # A worker that hangs would block the end of the process.
    end_workers()
    for lock in locks:
        lock.release()


def acquire(locks: list[WorkDirLock]) -> None:
    """Acquire all locks."""
    for lock in locks:
        lock.acquire()


def load_strictly(cfg: Config) -> None:
    """Load ``load_from`` strictly; MMEngine would skip other keys."""
    if cfg.get('load_from'):
        # A new training may have another head; a resumed one has the same
        # network.
        hook = dict(type='mixmae.StrictLoadHook')
        if not cfg.get('resume'):
            hook['part'] = 'backbone'
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description='Train a model')
    parser.add_argument('config', help='config file')
    add_run_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from a checkpoint; without a value (or with "auto") from '
        'the last one in the work folder, if there is one',
    )
    parser.add_argument(
        '--resume-with',
        choices=['config', 'checkpoint'],
        help='with --resume, if learning rate, schedule, number of epochs or '
        'precision differ: use the values of the config or of the '
        'checkpoint',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='start again in a work folder with checkpoints of an earlier '
        'run; they are removed before the first iteration',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: bfloat16 where it is faster; float16 for '
        'detectors',
    )
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='train without validation',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by ranks x batch size over '
        'auto_scale_lr.base_batch_size of the config; neither includes '
        'accumulation',
    )
    parser.add_argument('--seed', type=int, help='random seed')
    parser.add_argument(
        '--track',
        nargs='+',
        default=[],
        metavar='TRACKER',
        help='experiment trackers that receive scalars and images, too: '
        'tensorboard, wandb, mlflow',
    )
    return parser.parse_args(argv)


def set_precision(cfg: Config) -> None:
    """Apply ``--amp`` to the optimizer wrapper."""
    wrapper = cfg.optim_wrapper
    dtype = 'auto'
    if cfg.get('default_scope') == 'mmdet':
        # mmcv's ops, which detectors use, do not support bfloat16, and its NMS
        # on a CPU does not support float16 either.
        dtype = 'float16'
        if not torch.cuda.is_available():
            raise ConfigError(
                '--amp: detectors support mixed precision on a GPU only; '
                'remove it, or set --cfg-options optim_wrapper.dtype=float32'
            )
    kind = type_name({'type': 'OptimWrapper', **wrapper})
    if kind == 'AutocastOptimWrapper':
        if wrapper.get('dtype') == 'float32':
            wrapper.dtype = dtype
    elif kind == 'OptimWrapper':
        wrapper.type = 'mixmae.AutocastOptimWrapper'
        wrapper.dtype = dtype
    elif kind != 'AmpOptimWrapper':
        raise ConfigError(
            f'--amp does not support the optim_wrapper {kind}; set its '
            'precision in the config'
        )


def drop_validation(cfg: Config) -> None:
    """Remove validation and the hook that draws its images."""
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.custom_hooks = [
        hook
        for hook in cfg.get('custom_hooks') or []
        if type_name(hook) != 'ReconstructionHook'
    ]


def apply_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the arguments of the training to the config."""
    if args.resume_with and args.resume is None and not cfg.get('resume'):
        raise ConfigError('--resume-with has no effect without --resume')
    if args.overwrite and args.resume == 'auto':
        raise ConfigError(
            '--overwrite removes the checkpoints that --resume continues '
            'from; use one of them'
        )
    if args.amp:
        set_precision(cfg)
    if args.no_validate:
        drop_validation(cfg)
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise ConfigError(
                '--auto-scale-lr needs auto_scale_lr = '
                'dict(base_batch_size=...) in the config, the ranks x batch '
                'size that its learning rate was tuned for, without '
                'accumulation'
            )
        cfg.auto_scale_lr.enable = True
    elif not (cfg.get('auto_scale_lr') or {}).get('enable'):
        for option in args.cfg_options or {}:
            if option.startswith('auto_scale_lr.base'):
                raise ConfigError(
                    f'--cfg-options {option} has no effect without '
                    f'--auto-scale-lr'
                )
    if args.seed is not None:
        cfg.merge_from_dict({'randomness.seed': args.seed})
    if args.track:
        # Few runs have a tracker.
        from mixmae.config.trackers import add_trackers

        add_trackers(cfg, args.track)

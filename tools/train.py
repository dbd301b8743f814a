"""Train a model: python tools/train.py CONFIG [options].

Several processes: tools/dist_train.sh CONFIG GPUS [options].
"""

import argparse
import os
import warnings

# Read as torch loads: threads that spin while they wait take the processor
# from the loader's workers, and from each other where cores are shared.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import torch
from mmengine.config import Config

from mixmae.checkpoints.io.checkpoint_loader import load_only_safely
from mixmae.cli.command_line import add_common_arguments, read_config, run_tool
from mixmae.cli.loader_limits import limit_loaders
from mixmae.cli.runner_choice import build_runner, check_engine
from mixmae.cli.work_dir_lock import WorkDirLock
from mixmae.config.config_error import ConfigError
from mixmae.config.failure_report import end_workers
from mixmae.distributed.process_group import (
    end_process_group,
    first_rank,
    on_main_rank,
    prepare_process_group,
)
from mixmae.engine.hooks.overwrite_hook import OverwriteHook
from mixmae.engine.hooks.restart_schedule_hook import RestartScheduleHook
from mixmae.engine.manifest.checkpoint_search import RunFolders
from mixmae.fileio.hidden_address import hidden_address
from mixmae.preflight import Check, PlannedRun, PreflightHook
from mixmae.preflight.folder_check import FolderCheck
from mixmae.preflight.resume_check import (
    ResumeData,
    ResumeSettings,
    changes,
    keep_settings,
)
from mixmae.preflight.resume_rules import Difference, Verdict
from mixmae.preflight.run_checks import run_preflight
from mixmae.preflight.run_start import apply_start, choose_start, nothing_left


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Train a model')
    parser.add_argument('config', help='a config file')
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without a value (or with "auto") from '
        'the last one in the work folder, if there is one',
    )
    parser.add_argument(
        '--resume-with',
        choices=['config', 'checkpoint'],
        help='with --resume, where learning rate, schedule, number of epochs '
        'or precision differ: take those of the config, or keep those of the '
        'checkpoint',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='begin anew in a work folder that holds checkpoints of an '
        'earlier run: they are removed before the first iteration',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: bfloat16 where it is native; float16 for '
        'detectors',
    )
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not validate while training',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by ranks x batch size over '
        'auto_scale_lr.base_batch_size of the config; accumulated '
        'micro-iterations count in neither',
    )
    parser.add_argument('--seed', type=int, help='random seed')
    return parser.parse_args()


def set_precision(cfg: Config) -> None:
    """What ``--amp`` does to the optimizer wrapper."""
    wrapper = cfg.optim_wrapper
    dtype = 'auto'
    if cfg.get('default_scope') == 'mmdet':
        # mmcv's ops, which detectors call, know no bfloat16, and on a CPU
        # its NMS knows no float16 either.
        dtype = 'float16'
        if not torch.cuda.is_available():
            raise ConfigError(
                '--amp: a detector needs a GPU for mixed precision; leave it '
                'out, or give --cfg-options optim_wrapper.dtype=float32'
            )
    kind = str(wrapper.get('type', 'OptimWrapper')).split('.')[-1]
    if kind == 'AutocastOptimWrapper':
        if wrapper.get('dtype') == 'float32':
            wrapper.dtype = dtype
    elif kind == 'OptimWrapper':
        wrapper.type = 'mixmae.AutocastOptimWrapper'
        wrapper.dtype = dtype
    elif kind != 'AmpOptimWrapper':
        raise ConfigError(
            f'--amp does not know the optim_wrapper {kind}; set its precision '
            'in the config'
        )


def drop_validation(cfg: Config) -> None:
    """What ``--no-validate`` does, the pictures of the val images too."""
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.custom_hooks = [
        hook
        for hook in cfg.get('custom_hooks') or []
        if not str(hook.get('type')).endswith('ReconstructionHook')
    ]


def apply_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Write the training's own arguments into the config."""
    if args.resume_with and args.resume is None and not cfg.get('resume'):
        raise ConfigError('--resume-with has no effect without --resume')
    if args.amp:
        set_precision(cfg)
    if args.no_validate:
        drop_validation(cfg)
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise ConfigError(
                '--auto-scale-lr needs auto_scale_lr = '
                'dict(base_batch_size=...) in the config: ranks x batch size '
                'that its learning rate was chosen for, without accumulation'
            )
        cfg.auto_scale_lr.enable = True
    if args.seed is not None:
        cfg.merge_from_dict({'randomness.seed': args.seed})


def main() -> None:
    """Train."""
    args = parse_args()
    cfg = read_config(args)
    check_engine(cfg)
    apply_arguments(cfg, args)
    prepare_process_group(cfg)
    folders = RunFolders.of(cfg)
    locks = [WorkDirLock(folder) for folder in folders.places]
    on_main_rank(lambda: acquire(locks) if first_rank(cfg) else None)
    # Every rank keeps what an address hides.
    asked = args.resume and hidden_address(args.resume)
    start = on_main_rank(lambda: choose_start(cfg, asked, folders))
    apply_start(cfg, start)
    check = FolderCheck(folders, start, args.overwrite)
    checks: list[Check] = [check]
    changed: list[Difference] = []
    if start is not None:
        changed = changes(start, cfg)
        if args.resume_with == 'checkpoint':
            keep_settings(cfg, changed)
        line = nothing_left(cfg, start, folders)
        if line and not args.preflight_only:
            if first_rank(cfg):
                print(line)
            end_process_group()
            return
        checks += [ResumeSettings(start, args.resume_with), ResumeData(start)]
    preflight = run_preflight(*checks)
    planned = PlannedRun('train', cfg, args.cfg_options or {})
    preflight.run('config', planned)
    limit_loaders(cfg)
    if cfg.get('load_from'):
        # MMEngine would take what fits, nothing at all if need be. A new
        # training may have another head, a resumed one is the same network.
        strict = dict(type='mixmae.StrictLoadHook')
        if not cfg.get('resume'):
            strict['part'] = 'backbone'
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), strict]
    load_only_safely()
    # MMEngine's schedulers step every micro-iteration, which PyTorch's check
    # mistakes for a scheduler stepping ahead of the optimizer.
    warnings.filterwarnings('ignore', 'Detected call of `scheduler.step')
    runner = build_runner(cfg)
    runner.register_hook(
        PreflightHook(preflight, planned, only=args.preflight_only)
    )
    chosen = any(one.verdict is Verdict.CHOSEN for one in changed)
    if args.resume_with == 'config' and chosen:
        runner.register_hook(RestartScheduleHook())
    if args.overwrite:
        runner.register_hook(OverwriteHook(folders, check.obstacles()))
    runner.train()
    # One that hangs would keep the process from ending.
    end_workers()
    for lock in locks:
        lock.release()


def acquire(locks: list[WorkDirLock]) -> None:
    """Take all locks."""
    for lock in locks:
        lock.acquire()


if __name__ == '__main__':
    run_tool(main)

"""Train a model: python tools/train.py CONFIG [options].

Several processes: tools/dist_train.sh CONFIG GPUS [options].
"""

import os
import warnings

# Read as torch loads: threads that spin while they wait take the processor
# from the loader's workers, and from each other where cores are shared.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from mmengine.config import Config

from mixmae.checkpoints.io.checkpoint_loader import load_only_safely
from mixmae.cli.command_line import read_config, run_tool
from mixmae.cli.runner_builder import build_runner, check_engine
from mixmae.cli.train_arguments import apply_arguments, parse_args
from mixmae.cli.work_dir_lock import WorkDirLock
from mixmae.config.failure_report import end_workers
from mixmae.distributed.process_group import (
    end_process_group,
    first_rank,
    on_main_rank,
    prepare_process_group,
)
from mixmae.engine.manifest.checkpoint_search import RunFolders
from mixmae.preflight import Check, PlannedRun, PreflightHook
from mixmae.preflight.data_sets import uses_labels
from mixmae.preflight.run_checks import run_preflight
from mixmae.preflight.run_start import (
    FolderCheck,
    apply_start,
    choose_start,
    compare_resumed,
    finished_message,
    requested_start,
)


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
    asked = requested_start(cfg, args.resume)
    start = on_main_rank(lambda: choose_start(asked, folders))
    apply_start(cfg, start)
    check = FolderCheck(folders, start, args.overwrite)
    checks: list[Check] = [check]
    restart = False
    if start is not None:
        resumed, restart = compare_resumed(cfg, start, args.resume_with)
        checks += resumed
        line = finished_message(cfg, start, folders)
        if line and not args.preflight_only:
            if first_rank(cfg):
                print(line)
            end_process_group()
            return
    planned = PlannedRun('train', cfg, args.cfg_options or {})
    preflight = run_preflight(*checks, labels=uses_labels(planned))
    preflight.run('config', planned)
    load_strictly(cfg)
    load_only_safely()
    # MMEngine's schedulers step every micro-iteration, which PyTorch's check
    # mistakes for a scheduler stepping ahead of the optimizer.
    warnings.filterwarnings('ignore', 'Detected call of `scheduler.step')
    runner = build_runner(cfg)
    runner.register_hook(
        PreflightHook(preflight, planned, only=args.preflight_only)
    )
    # Hooks of few runs are imported for these.
    if restart:
        from mixmae.engine.hooks.restart_schedule_hook import (
            RestartScheduleHook,
        )

        runner.register_hook(RestartScheduleHook())
    if args.overwrite:
        from mixmae.engine.hooks.overwrite_hook import OverwriteHook

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


def load_strictly(cfg: Config) -> None:
    """Load all of ``load_from``; MMEngine would take what fits."""
    if cfg.get('load_from'):
        # A new training may have another head, a resumed one is the same
        # network.
        hook = dict(type='mixmae.StrictLoadHook')
        if not cfg.get('resume'):
            hook['part'] = 'backbone'
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]


if __name__ == '__main__':
    run_tool(main)

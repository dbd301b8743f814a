"""Parser of the command-line tools, arguments of runs, errors as one line."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config

from mixmae.config.config_file import hide_addresses, read_config
from mixmae.config.config_paths import refuse_pickled_data
from mixmae.config.failure_report import (
    EXIT_CONFIG_ERROR,
    EXIT_FAILURE,
    EXIT_SIGINT,
    TRACEBACK,
    ConfigError,
    end_after_other_ranks,
    end_workers,
    failure_line,
    is_lost_connection,
    note_for_torchrun,
    print_error,
    print_warning,
    removed_folder,
)
from mixmae.config.option_values import UNREAD, VALIDATION, OptionAction
from mixmae.deprecation import rename_hooks
from mixmae.fileio.address import is_address, public_address
from mixmae.fileio.safe_path import add_trust_argument, set_trusted
from mixmae.fileio.shown_text import guard_output

# Arguments that are written to.
OUTPUTS = ('details', 'dst', 'out', 'results', 'show_dir', 'work_dir')


class CommandParser(argparse.ArgumentParser):
    """``ArgumentParser`` that rejects values that no option accepts.

    These are empty strings, which ``Path`` would take for the current folder,
    integers beyond 64 bits, floats that are not finite, and addresses as
    outputs, of which ``Path`` would make local folders.

    Args:
        description: Text of ``--help``; several lines are shown as they are.
        **kwargs: See ``ArgumentParser``.
    """

    def __init__(self, description: str = '', **kwargs: Any) -> None:
        if '\n' in description:
            kwargs['formatter_class'] = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, **kwargs)
        self.register('type', None, _text)
        self.register('type', Path, lambda text: Path(_text(text)))
        self.register('type', int, _integer)
        self.register('type', float, _number)

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        """Parse; an output that is not local is an error."""
        found = super().parse_known_args(*args, **kwargs)
        for action in self._actions:
            value = getattr(found[0], action.dest, None)
            if action.dest in OUTPUTS and value and is_address(value):
                name = '/'.join(action.option_strings) or action.dest
                self.error(
                    f'argument {name}: {public_address(str(value))} must be a '
                    'local path: tools write to local and mounted disks only'
                )
        return found


def _text(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError('must not be empty')
    return text


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise argparse.ArgumentTypeError(f'{text} is too large')
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'must be finite, got {text}')
    return value


# The config that `run_config` has read in this process, for error messages.
_configs_read: list[Config] = []


def add_cfg_options_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. '
        'train_dataloader.batch_size=64 or key="[a,b]"',
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a run, a training or a test."""
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints (default: work_dir of the '
        'config, else ./work_dirs/<config name>)',
    )
    add_cfg_options_argument(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='launcher of the processes; without a GPU they use gloo',
    )
    parser.add_argument(
        '--preflight-only',
        action='store_true',
        help='run the preflight checks of config, data, model and folder, '
        'print their results and stop before the first iteration',
    )
    parser.add_argument(
        '--ignore-check',
        action='append',
        default=[],
        metavar='NAME',
        help='errors of this preflight check become warnings; NAME as '
        '--preflight-only prints it, can be given several times',
    )
    add_trust_argument(parser)
    # torchrun sets LOCAL_RANK; older launchers and mim pass one of these
    # options.
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help=argparse.SUPPRESS,
    )


def run_config(
    args: argparse.Namespace, mode: Literal['training', 'test'] | None = None
) -> Config:
    """Read ``args.config`` and apply the arguments of a run.

    Args:
        args: The command line.
        mode: Kind of run. Options that it does not read are errors; with
            ``None`` all options are accepted.

    Raises:
        ConfigError: The file is missing or not a valid config, or an option
            does not match a setting.
    """
    unread = UNREAD[mode] if mode else frozenset()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    options = args.cfg_options or {}
    if getattr(args, 'no_validate', False):
        unread |= VALIDATION
        for key in [k for k in options if k.split('.')[0] in VALIDATION]:
            # Often given together with those of the training.
            options = {k: v for k, v in options.items() if k != key}
            print_warning(
                f'--cfg-options {key} has no effect with --no-validate'
            )
    for name in ('launcher', 'work_dir'):
        given = getattr(args, name, None)
        if name in options and (name == 'launcher' or given is not None):
            raise ConfigError(
                f'--cfg-options {name}={options[name]} has no effect: '
                f'--{name.replace("_", "-")} {given} takes precedence'
            )
    cfg = read_config(args.config, options, unread)
    rename_hooks(cfg._cfg_dict)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    refuse_pickled_data(cfg)
    # The config is written to logs, the work folder and checkpoints.
    hide_addresses(cfg)
    _configs_read[:] = [cfg]
    return cfg


def refuse_unused(
    args: argparse.Namespace, names: tuple[str, ...], reason: str
) -> None:
    """Raise an error for given options that have no effect.

    Args:
        args: Parsed arguments; options that are not given are ``None``,
            ``False`` or empty.
        names: Attributes of ``args`` to check.
        reason: End of the message, as in 'without --show-dir'.

    Raises:
        ValueError: One of the options is given.
    """
    for name in names:
        value = getattr(args, name)
        if value is not None and value is not False and value != []:
            option = name.replace('_', '-')
            raise ValueError(f'--{option} has no effect {reason}')


def closed_output(error: Exception) -> str | None:
    """Return a line if the reader of the standard output has ended."""
    if not isinstance(error, BrokenPipeError):
        return None
    try:
        # A flush alone does not fail if nothing is left to write.
        print(flush=True)
    except BrokenPipeError:
        # Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 'the reader of the output has ended, such as head or less'
    return None


def run_tool(tool: Callable[[], int | None]) -> int | None:
    """Run a tool; report errors that users can fix in one line.

    The exit status is 2 for errors in configs, arguments and files, and 1 if
    memory runs out, a data loader times out, another rank ends, or the reader
    of the output, such as ``head``, has ended. Ctrl-C is 130. Other
    exceptions keep their traceback. If ``MIXMAE_TRACEBACK`` is set in the
    environment, all of them do. Hooks end a training with 75 after SIGTERM or
    Ctrl-C (``InterruptHook``) and with 70 if a rank hangs (``WatchdogHook``).

    Returns:
        The exit status that the tool returns; ``None`` stands for 0.
    """
    _configs_read.clear()
    set_trusted(False)
    guard_output()
    try:
        try:
            status = tool()
            sys.stdout.flush()
            return status
        except (EOFError, ConnectionError):
            # The kernel closes the connections of a worker that dies before
            # PyTorch's handler of SIGCHLD can raise the cause, here.
            time.sleep(1)
            raise
    except KeyboardInterrupt:
        end_workers()
        if os.environ.get(TRACEBACK):
            raise
        print_error('interrupted')
        sys.exit(EXIT_SIGINT)
    except Exception as error:
        line = closed_output(error) or failure_line(error)
        for cfg in _configs_read:
            line = line or removed_folder(error, cfg.work_dir)
        # The error of this rank may itself have caused lost connections.
        if line is None and is_lost_connection(error):
            end_after_other_ranks(error)
        status = EXIT_CONFIG_ERROR if line is None else EXIT_FAILURE
        if line is None:
            # Imported here: needed only by runs that fail.
            from mixmae.config.config_error_lines import config_error_line

            line = config_error_line(error, next(iter(_configs_read), None))
        note_for_torchrun(line or f'{type(error).__name__}: {error}')
        end_workers()
        if line is None or os.environ.get(TRACEBACK):
            raise
        print_error(line)
        sys.exit(status)

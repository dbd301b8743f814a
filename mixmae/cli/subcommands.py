"""The command ``mixmae``: a table of subcommands and their dispatch.

A subcommand is a module of ``mixmae.cli.commands`` with a function
``main(argv=None)``, and a row of ``SUMMARIES``. Only the module of the given
subcommand is imported.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from mixmae.fileio.worker_processes import end_with_launcher
from mixmae.version import __version__

# Summaries by subcommand name; the module of `check-data` is `check_data`.
SUMMARIES: Mapping[str, str] = {
    'pretrain': 'pretrain a backbone on images without labels',
    'finetune': 'fine-tune a pretrained backbone on labelled images',
    'predict': 'predict images with a fine-tuned network',
    'export': 'write a classifier or segmentor as an ONNX graph',
    'train': 'train the model of a config file',
    'test': 'evaluate a checkpoint with the evaluator of its config',
    'features': 'write the features of images to a file',
    'reconstruct': 'draw reconstructions of images by pretrained networks',
    'convert': 'convert checkpoints from and to other code bases',
    'push': 'upload a pretraining to the Hugging Face hub',
    'view': 'open a local page with reconstructions and features',
    'report': 'write a page about a run, or compare several',
    'plan': 'estimate time, memory and data of a run',
    'check-data': 'find corrupt images and wrong annotations',
    'stats': 'print number, kinds, sizes and values of images',
    'pack': 'pack images into tar shards',
    'config': 'write a config of this package to a file',
    'doctor': 'check the installed packages',
}


def module_of(name: str) -> str:
    """Return the full name of the module of a subcommand."""
    return f'mixmae.cli.commands.{name.replace("-", "_")}'


def help_text() -> str:
    """Return the usage text, with a line per subcommand."""
    width = max(map(len, SUMMARIES))
    lines = [
        'usage: mixmae COMMAND [options]',
        '',
        'Pretraining of hierarchical vision transformers without labels.',
        '',
        'commands:',
        *(f'  {name:<{width}}  {text}' for name, text in SUMMARIES.items()),
        '',
        'mixmae COMMAND --help lists the options of a command.',
    ]
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a subcommand and exit with its status.

    Args:
        argv: Name of the subcommand and its options; default:
            ``sys.argv[1:]``.
    """
    given = sys.argv[1:] if argv is None else argv
    name, *options = given or ['--help']
    if name in ('-h', '--help', 'help'):
        print(help_text())
        return
    if name == '--version':
        print(f'mixmae {__version__}')
        return
    if name not in SUMMARIES:
        close = difflib.get_close_matches(name, SUMMARIES, 1)
        hint = f'did you mean {close[0]}?' if close else 'see mixmae --help'
        print(f'error: there is no command {name!r}; {hint}', file=sys.stderr)
        sys.exit(2)
    # torch reads this when it is imported: threads that spin while they wait
    # take CPU time from data loader workers.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    end_with_launcher()
    # argparse and the error reports of libraries show it as the program name.
    sys.argv = [f'mixmae {name}', *options]
    try:
        module = importlib.import_module(module_of(name))
        # Imported here: torch and MMEngine are not needed for the help.
        from mixmae.cli.command_line import run_tool
    except KeyboardInterrupt:
        print('error: interrupted', file=sys.stderr)
        # EXIT_SIGINT, of a module that imports torch.
        sys.exit(130)
    sys.exit(run_tool(module.main))

"""Write a config of this package to a file, or list them.

    mixmae config
    mixmae config mixmae/swin-b_8xb128_600e FILE.py

The file holds all settings, those of its bases too, and runs anywhere by
mixmae train FILE.py. The config of a call is written by the call itself, as
OUT/config.py; `mixmae pretrain --dry-run` prints it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from mixmae.cli.command_line import CommandParser, add_cfg_options_argument
from mixmae.cli.runner_builder import FormattedConfig
from mixmae.config.config_file import read_config
from mixmae.config.config_paths import configs_folder


def config_names(folder: Path) -> list[str]:
    """Return the names of the configs that can be run."""
    return sorted(
        str(path.relative_to(folder).with_suffix(''))
        for path in folder.rglob('*.py')
        if '_base_' not in path.parts
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Write a config, or list all of them."""
    parser = CommandParser(description=__doc__)
    parser.add_argument('name', nargs='?', help='a name of the list')
    parser.add_argument('file', nargs='?', type=Path, help='file to write')
    add_cfg_options_argument(parser)
    args = parser.parse_args(argv)
    folder = configs_folder()
    names = config_names(folder)
    if args.name is None:
        print('\n'.join(names))
        return
    name = args.name.removesuffix('.py')
    if name not in names:
        close = difflib.get_close_matches(name, names, 1, 0.3)
        hint = (
            f'did you mean {close[0]}?'
            if close
            else 'mixmae config lists all of them'
        )
        raise ValueError(f'there is no config {name}; {hint}')
    if args.file is None or args.file.suffix != '.py':
        raise ValueError('name a file to write that ends in .py')
    if args.file.exists():
        raise ValueError(f'{args.file} exists; remove it, or name another')
    cfg = read_config(folder / f'{name}.py', args.cfg_options)
    FormattedConfig.of(cfg).dump(args.file)
    print(f'wrote {args.file}')

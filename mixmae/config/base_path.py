"""Paths of base configs."""

from __future__ import annotations

import inspect
from pathlib import Path

from mmengine.config import Config

PACKAGE = Path(__file__).parents[1]
PREFIX = 'mixmae::'
# MMEngine's, which only knows the packages of OpenMMLab.
_get_cfg_path = inspect.getattr_static(Config, '_get_cfg_path').__func__


def configs_folder() -> Path:
    """Folder of the configs: of the wheel, or of the source checkout."""
    installed = PACKAGE / '.mim' / 'configs'
    return installed if installed.is_dir() else PACKAGE.parent / 'configs'


def base_path(name: str, filename: str) -> tuple[str, str | None]:
    """Return path and scope of a base config, as ``Config._get_cfg_path``.

    Args:
        name: Entry of ``_base_``, such as 'mixmae::mixmae/CONFIG.py'.
        filename: File of the entry.

    Raises:
        FileNotFoundError: mixmae has no such config.
    """
    if not name.startswith(PREFIX):
        return _get_cfg_path(name, filename)
    folder = configs_folder()
    path = folder / name.removeprefix(PREFIX)
    if not path.is_file():
        path = path.with_name(f'{path.name}.py')
    if not path.is_file() or folder not in path.resolve().parents:
        raise FileNotFoundError(
            f'{name}: no such config in {folder}; names are relative to it, '
            f'as in mixmae::mixmae/swin-b_8xb128_300e.py'
        )
    return str(path), None

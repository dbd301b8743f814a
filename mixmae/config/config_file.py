"""Reading of config files, with one-line errors."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.config import Config

from mixmae.config.config_variables import read_with_bases


def read_config_file(path: str | os.PathLike) -> Config:
    """Read a config file; its bases use its shared variables.

    Args:
        path: Path of a ``.py``, ``.yml``, ``.yaml`` or ``.json`` file.

    Raises:
        ValueError: The file does not exist or cannot be read.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f'config file {path} does not exist')
    try:
        return read_with_bases(path)
    # A config is a program; any exception is an error in the file.
    except Exception as error:
        raise ValueError(
            f'{path} is not a readable config: {type(error).__name__}: '
            f'{" ".join(str(error).split())}'
        ) from error

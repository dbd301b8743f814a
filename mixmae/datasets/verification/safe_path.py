"""Names of files as annotation files give them."""

from pathlib import PureWindowsPath
from typing import Any


def path_fault(name: Any) -> str | None:
    """Why a name must not be joined to a folder, None if it may.

    It has to stay below the folder: an absolute path or one with ``..``
    could name any file of the machine.
    """
    if not isinstance(name, str) or not name.strip():
        return f'file name {name!r} is no text'
    if '\0' in name:
        return f'file name {name!r} has a zero byte'
    windows = PureWindowsPath(name)
    if name.startswith('/') or windows.is_absolute() or windows.drive:
        return (
            f'file name {name!r} is absolute; it must be relative to the '
            f'folder of images'
        )
    # Both kinds of slash divide the parts of a Windows path.
    if '..' in windows.parts:
        return (
            f'file name {name!r} leads out of the folder of images by ..; '
            f'name files below it'
        )
    return None

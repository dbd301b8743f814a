"""File existence checks for millions of files."""

import os
from pathlib import Path


class ExistingFiles:
    """Existence of files; lists each folder once.

    On a network file system, checking two million files one by one takes
    minutes; listing their folders takes seconds.
    """

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def __contains__(self, path: str | Path) -> bool:
        folder, name = os.path.split(path)
        return name in self.names(folder)

    def names(self, folder: str | Path) -> frozenset[str]:
        """Return the names of the files in a folder, empty if it is missing.

        Raises:
            ValueError: The folder cannot be listed.
        """
        folder = str(folder)
        if folder not in self._names:
            try:
                with os.scandir(folder) as entries:
                    names = [e.name for e in entries if _is_file(e)]
            except (FileNotFoundError, NotADirectoryError):
                names = []
            except OSError as error:
                raise ValueError(
                    f'the folder {folder or "."} cannot be listed: '
                    f'{error.strerror}'
                ) from None
            self._names[folder] = frozenset(names)
        return self._names[folder]


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    # A cycle of symbolic links.
    except OSError:
        return False

"""Whether files exist, asked by the million."""

import os
from pathlib import Path


class ExistingFiles:
    """Knows which files are there; lists each folder once.

    Asking for two million files one by one takes minutes on a network file
    system, listing their folders seconds.
    """

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def __contains__(self, path: str | Path) -> bool:
        folder, name = os.path.split(path)
        return name in self.names(folder)

    def names(self, folder: str | Path) -> frozenset[str]:
        """Names of the files in a folder; none if there is no folder.

        Raises:
            ValueError: it cannot be looked into.
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
                    f'the folder {folder or "."} cannot be looked into: '
                    f'{error.strerror}'
                ) from None
            self._names[folder] = frozenset(names)
        return self._names[folder]


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    # A link in a circle.
    except OSError:
        return False

"""The images of ``grey_pictures`` as class folders and as shards."""

from __future__ import annotations

from pathlib import Path

from mixmae.data_tools.packing.pack_settings import PackReport, PackSettings
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import pack
from tests.datasets.grey_pictures import save_pictures

# Room for five of them and their labels.
SHARD = 20480
LABELS = [value % 2 for value in range(20)]


def save_classes(folder: Path) -> Path:
    """Write even numbers as class ``even``, odd ones as ``odd``."""
    for path in sorted(save_pictures(folder).iterdir()):
        name = 'odd' if int(path.stem) % 2 else 'even'
        (folder / name).mkdir(exist_ok=True)
        path.rename(folder / name / path.name)
    return folder


def pack_pictures(folder: Path, out: Path, **settings: object) -> PackReport:
    """Pack a folder into shards of five images."""
    settings = dict(shard_bytes=SHARD) | settings
    return pack(read_source(str(folder)), out, PackSettings(**settings))


def content(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }

"""Twenty pictures of one grey value each, which is their number."""

from pathlib import Path

from PIL import Image


def save_pictures(folder: Path) -> Path:
    """Writes them as 00.png to 19.png."""
    folder.mkdir()
    for value in range(20):
        image = Image.new('L', (4, 4), value)
        image.save(folder / f'{value:02d}.png')
    return folder


def spoil(folder: Path, *values: int) -> None:
    """Makes some of them no images."""
    for value in values:
        (folder / f'{value:02d}.png').write_bytes(b'no image')

"""Twenty images, each of one grey value that is its number."""

from pathlib import Path

from PIL import Image


def save_pictures(folder: Path) -> Path:
    """Write the images as 00.png to 19.png."""
    folder.mkdir()
    for value in range(20):
        image = Image.new('L', (4, 4), value)
        image.save(folder / f'{value:02d}.png')
    return folder


def spoil(folder: Path, *values: int) -> None:
    """Overwrite some images with other bytes."""
    for value in values:
        (folder / f'{value:02d}.png').write_bytes(b'no image')

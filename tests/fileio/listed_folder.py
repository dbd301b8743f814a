"""Folder to be listed, and its cache."""

import json
import os

from mixmae.fileio.image_listing import list_folder


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def age(folder, seconds=100):
    """Set folder times some time back, so that a cache is trusted."""
    for place, _, _ in os.walk(folder):
        stamp = os.stat(place).st_mtime - seconds
        os.utime(place, (stamp, stamp))


EXPECTED = ['a.png', 'b/1.jpg', 'b/2.JPG', 'c/d/e.jpg']


def forge(cache, change):
    with open(cache) as file:
        content = json.load(file)
    change(content)
    with open(cache, 'w') as file:
        json.dump(content, file)


def list_images(folder: str, suffixes: list[str], *options) -> list[str]:
    return list_folder(folder, suffixes, *options).files

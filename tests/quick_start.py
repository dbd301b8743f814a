"""The commands of docs/quickstart.md, run once on small data."""

import os
import re
import shlex
from pathlib import Path

from PIL import Image

from tests.apis import own_data
from tests.package_samples import ROOT, run
from tests.recipes.photos import write_photos

PAGE = ROOT / 'docs' / 'quickstart.md'
# What a test adds to the lines of the page, to be short.
SHORT = {
    'pretrain': '--model swin-mini --epochs 1 --devices cpu '
    '--cfg-options num_workers=0',
    'finetune': '--epochs 1 --batch-size 4 --num-workers 0',
    'predict': '--device cpu',
}


def page_commands() -> dict[str, list[str]]:
    """Return the commands of the page by their output folder."""
    blocks = re.findall(r'```shell\n(.*?)```', PAGE.read_text(), re.DOTALL)
    lines = ''.join(blocks).replace('\\\n', '').splitlines()
    commands = [shlex.split(line) for line in lines if line]
    return {words[words.index('--out') + 1]: words for words in commands}


class QuickStart:
    """A folder in which the commands of the page run, each when it is needed.

    Args:
        python: Interpreter of an environment with the wheel.
        folder: An empty folder, which gets the data that the page names.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self.mixmae = python.parent / 'mixmae'
        self.folder = folder
        self.commands = page_commands()
        self._said: dict[str, str] = {}
        photos = folder / 'photos'
        write_photos(photos, 24)
        (photos / 'a.psd').write_text('x')
        (photos / 'broken.jpg').write_text('no image')
        os.symlink(photos, photos / 'again')
        own_data.write_class_folders(folder / 'classes', side=160)
        own_data.write_coco(folder / 'objects')
        own_data.write_masks(folder / 'regions')
        (folder / 'new_photos').mkdir()
        for index in range(3):
            image = Image.fromarray(own_data.picture(index)[0])
            image.save(folder / 'new_photos' / f'{index}.png')

    def said(self, out: str) -> str:
        """Return what the command of an output folder printed.

        It runs once, after the commands whose output it reads.
        """
        if out not in self._said:
            words = self.commands[out]
            for other in self.commands:
                if other != out and any(w.startswith(other) for w in words):
                    self.said(other)
            command = [self.mixmae, *words[1:], *SHORT[words[1]].split()]
            done = run(command, self.folder)
            self._said[out] = done.stdout + done.stderr
        return self._said[out]

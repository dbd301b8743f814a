"""Three layouts of the same scenes: ImageNet, COCO and ADE20K.

Each writer takes the scenes one by one, with the encoded image that all
layouts share. An image is written once; the other layouts hold hard links to
it where the file system supports them.
"""

import json
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

import cv2
from numpy import ndarray

from mixmae.datasets.scenes.objects import CLASSES, KINDS
from mixmae.datasets.scenes.scene import Scene


def encode_png(image: ndarray) -> bytes:
    """Encode uint8 RGB (H, W, 3) or labels (H, W) as a PNG file."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    assert done
    return data.tobytes()


def link_or_copy(source: Path, target: Path) -> None:
    """Create a hard link, or a copy where links are not supported."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class Layout(ABC):
    """Writer of scenes in one layout below ``root``.

    Args:
        root: Folder of this layout; created if missing.
    """

    name: str

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def picture(self, split: str, index: int, scene: Scene) -> Path:
        """Return the path of a scene's image."""

    def annotate(  # noqa: B027 (folders say it all in ImageNet's)
        self, split: str, index: int, scene: Scene
    ) -> None:
        """Record or write the annotations of an image."""

    def finish(self, split: str) -> None:  # noqa: B027
        """Write the files that need all scenes of a split."""


class ImageNetLayout(Layout):
    """``{train,val}/<dominant class>/000123.png`` and ``classes.txt``."""

    name = 'imagenet'

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (root / 'classes.txt').write_text('\n'.join(CLASSES) + '\n')

    def picture(self, split: str, index: int, scene: Scene) -> Path:
        return self.root / split / scene.name / f'{index:06d}.png'


class CocoLayout(Layout):
    """``{train,val}/*.png`` and ``annotations/instances_{train,val}.json``.

    Category ids are 1 to 10. Outlines in one piece are polygons, those in
    several pieces or with holes are uncompressed run lengths. Fragments too
    small to recognise have ``iscrowd`` 1, so the evaluation ignores them.
    """

    name = 'coco'

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (root / 'annotations').mkdir(exist_ok=True)
        self._images: list[dict] = []
        self._annotations: list[dict] = []

    def picture(self, split: str, index: int, scene: Scene) -> Path:
        return self.root / split / f'{index:06d}.png'

    def annotate(self, split: str, index: int, scene: Scene) -> None:
        height, width = scene.image.shape[:2]
        self._images.append(
            {
                'id': index + 1,
                'file_name': f'{index:06d}.png',
                'height': height,
                'width': width,
            }
        )
        for instance in scene.instances:
            self._annotations.append(
                {
                    'id': len(self._annotations) + 1,
                    'image_id': index + 1,
                    'category_id': instance.label + 1,
                    'bbox': [float(value) for value in instance.box],
                    'area': float(instance.area),
                    'iscrowd': int(instance.is_scrap),
                    'segmentation': instance.segmentation(),
                }
            )

    def finish(self, split: str) -> None:
        content = {
            'info': {'description': 'mixmae synthetic scenes'},
            'licenses': [],
            'categories': [
                {'id': label + 1, 'name': name, 'supercategory': 'thing'}
                for label, name in enumerate(CLASSES)
            ],
            'images': self._images,
            'annotations': self._annotations,
        }
        path = self.root / 'annotations' / f'instances_{split}.json'
        path.write_text(json.dumps(content, separators=(',', ':')))
        self._images, self._annotations = [], []


class AdeLayout(Layout):
    """``{images,annotations}/{training,validation}/*.png``, as in ADE20K.

    In the label maps 0 is background, which ADE20K ignores, and 1 to 10 are
    the classes. Read them with ``reduce_zero_label=True``, which maps them to
    255 (ignored) and 0 to 9; or, with background as a class, with
    ``reduce_zero_label=False`` and eleven classes. ``classes.json`` contains
    both lists of names and a palette.
    """

    name = 'ade'
    splits = {'train': 'training', 'val': 'validation'}

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        palette = [list(kind.colour) for kind in KINDS]
        names = {
            'reduce_zero_label': True,
            'classes': list(CLASSES),
            'palette': palette,
            'classes_with_background': ['background', *CLASSES],
            'palette_with_background': [[0, 0, 0], *palette],
        }
        (root / 'classes.json').write_text(json.dumps(names, indent=1) + '\n')

    def picture(self, split: str, index: int, scene: Scene) -> Path:
        return self.root / 'images' / self.splits[split] / f'{index:06d}.png'

    def annotate(self, split: str, index: int, scene: Scene) -> None:
        folder = self.root / 'annotations' / self.splits[split]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{index:06d}.png'
        path.write_bytes(encode_png(scene.label_map()))


LAYOUTS = {
    layout.name: layout for layout in (ImageNetLayout, CocoLayout, AdeLayout)
}

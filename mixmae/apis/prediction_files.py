"""Files of predictions: CSV, COCO JSON, mask PNGs, and pictures."""

from __future__ import annotations

import json
import os
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.apis.predictor import Predictor
from mixmae.fileio.atomic_write import (
    atomic_write,
    check_output,
    new_files,
    write_csv,
)
from mixmae.visualization.pictures import class_hues, write_png

# Pictures of small images are enlarged, so that text is legible.
SHORT_SIDE = 256
# Smallest score of an object that is drawn, by default.
DRAWN_SCORE = 0.3


def write_predictions(
    predictor: Predictor,
    inputs: Any,
    out: str | os.PathLike,
    pictures: bool = True,
    score: float = DRAWN_SCORE,
    **options: Any,
) -> Path:
    """Predict images and write the results.

    Args:
        inputs: Images; see ``Predictor.iterate``.
        out: Output folder. It gets ``predictions.csv`` of a classifier,
            ``predictions.json`` (COCO's format, with scores) of a detector, or
            ``masks/*.png`` and ``classes.csv`` of a segmentor, whose values
            are those of the masks it was trained on; and ``pictures/*.png``.
            ``images.csv`` names the image of each mask and picture.
        score: Smallest score of an object to be drawn.
        options: Arguments of ``Predictor.iterate``.

    Returns:
        The file, or the folder of masks.

    Raises:
        ValueError: An argument or an image is not valid, or the folder cannot
            be written. Nothing is written then.
    """
    folder = Path(out)
    check_output(folder / 'predictions')
    drawing = Drawing(predictor, score) if pictures else None
    results = with_stems(predictor.iterate(inputs, **options))
    files: list[tuple[int, str, str]] = []
    with new_files(folder) as partial:
        writer = WRITERS[predictor.task](predictor, partial)
        for result in results:
            writer.add(result)
            file = f'{result["stem"]}.png'
            files.append((result['index'], file, result['name']))
            if drawing is not None:
                write_png(partial / 'pictures' / file, drawing(result))
        written = writer.close()
        if pictures or isinstance(writer, MaskFiles):
            rows = [['file', 'image'], *(row[1:] for row in sorted(files))]
            write_csv(partial / 'images.csv', rows)
    return folder / written.relative_to(partial)


def with_stems(results: Iterable[dict]) -> Iterator[dict]:
    """Yield results with a distinct ``stem`` for files of each.

    The stem is the name of the image without folder and suffix; a number is
    appended where another image has it already.
    """
    taken: set[str] = set()
    for result in results:
        plain = Path(result['name']).stem or 'image'
        stem, number = plain, 2
        while stem.casefold() in taken:
            stem, number = f'{plain}_{number}', number + 1
        taken.add(stem.casefold())
        yield {**result, 'stem': stem}


class Writer(ABC):
    """Collects results and writes them."""

    def __init__(self, predictor: Predictor, folder: Path) -> None:
        self.predictor = predictor
        self.folder = folder

    @abstractmethod
    def add(self, result: dict) -> None:
        """Take the result of an image."""

    @abstractmethod
    def close(self) -> Path:
        """Write what was collected; return its path."""


class ClassTable(Writer):
    """``predictions.csv``: image, class, score, and that of each class."""

    def __init__(self, predictor: Predictor, folder: Path) -> None:
        super().__init__(predictor, folder)
        self.rows: list[tuple[int, list[object]]] = []

    def add(self, result: dict) -> None:
        scores = [f'{score:.5f}' for score in result['scores']]
        row = [result['name'], result['class'], f'{result["score"]:.5f}']
        self.rows.append((result['index'], [*row, *scores]))

    def close(self) -> Path:
        path = self.folder / 'predictions.csv'
        count = len(self.rows[0][1]) - 3
        names = [self.predictor.class_name(label) for label in range(count)]
        rows = [row for _, row in sorted(self.rows, key=lambda r: r[0])]
        write_csv(path, [['image', 'class', 'score', *names], *rows])
        return path


class CocoFile(Writer):
    """``predictions.json``: images, categories, and objects with scores."""

    def __init__(self, predictor: Predictor, folder: Path) -> None:
        super().__init__(predictor, folder)
        count = len(predictor.classes)
        ids = predictor.meta.get('category_ids') or range(1, count + 1)
        self.ids = [*ids]
        self.images: list[dict] = []
        self.objects: list[dict] = []

    def add(self, result: dict) -> None:
        height, width = result['image'].shape[:2]
        number = result['index'] + 1
        self.images.append({
            'id': number,
            'file_name': result['name'],
            'width': width,
            'height': height,
        })  # fmt: skip
        masks = result['masks']
        for index, box in enumerate(result['boxes']):
            x1, y1, x2, y2 = (round(float(value), 2) for value in box)
            entry = {
                'id': len(self.objects) + 1,
                'image_id': number,
                'category_id': self.ids[int(result['labels'][index])],
                'bbox': [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
                'area': round((x2 - x1) * (y2 - y1), 2),
                'iscrowd': 0,
                'score': round(float(result['scores'][index]), 5),
            }
            if masks is not None:
                entry['segmentation'] = _encoded(masks[index])
                entry['area'] = int(masks[index].sum())
            self.objects.append(entry)

    def close(self) -> Path:
        path = self.folder / 'predictions.json'
        names = self.predictor.classes
        content = {
            'images': sorted(self.images, key=lambda image: image['id']),
            'annotations': self.objects,
            'categories': [
                {'id': number, 'name': name}
                for number, name in zip(self.ids, names)
            ],
        }
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(content), 'utf-8')
        return path


class MaskFiles(Writer):
    """``masks/*.png`` with the values of the training's masks, as palettes.

    ``classes.csv`` says which value is which class.
    """

    def __init__(self, predictor: Predictor, folder: Path) -> None:
        super().__init__(predictor, folder)
        self.values = class_values(predictor)
        palette = predictor.meta.get('palette') or []
        self.colours = np.zeros((256, 3), np.uint8)
        for value, colour in zip(self.values, palette):
            self.colours[value] = colour

    def add(self, result: dict) -> None:
        """Write the mask of an image."""
        image = Image.fromarray(self.values[result['labels']], 'P')
        image.putpalette(self.colours.ravel().tolist())
        path = self.folder / 'masks' / f'{result["stem"]}.png'
        with atomic_write(path) as partial:
            image.save(partial, format='PNG')

    def close(self) -> Path:
        """Write the table of values."""
        names = self.predictor.classes
        rows = [[v, n] for v, n in zip(self.values.tolist(), names)]
        write_csv(self.folder / 'classes.csv', [['value', 'class'], *rows])
        return self.folder / 'masks'


class Drawing:
    """Pictures of predictions, by the visualizer of the framework.

    Args:
        score: Smallest score of an object to be drawn.
    """

    def __init__(self, predictor: Predictor, score: float) -> None:
        self.task, self.score = predictor.task, score
        meta = {
            'classes': predictor.classes,
            'palette': predictor.meta.get('palette')
            or class_hues(len(predictor.classes)),
        }
        # Each framework is imported for its own models only.
        if self.task == 'classification':
            from mmpretrain.visualization import UniversalVisualizer as Kind
        elif self.task == 'detection':
            from mmdet.visualization import DetLocalVisualizer as Kind
        else:
            from mmseg.visualization import SegLocalVisualizer as Kind
        # The image stays visible below the masks of a segmentor.
        half = {'alpha': 0.5} if self.task == 'segmentation' else {}
        self.visualizer = Kind(**half)
        self.visualizer.dataset_meta = meta
        self.classes = predictor.classes

    def __call__(self, result: dict) -> ndarray:
        """Return the picture of a result, uint8 RGB (H, W, 3)."""
        image = np.ascontiguousarray(result['image'])
        sample = result['sample']
        if self.task == 'classification':
            self.visualizer.visualize_cls(
                image,
                sample,
                classes=[*map(_wrapped, self.classes)] or None,
                resize=SHORT_SIDE,
                draw_gt=False,
            )
        else:
            extra: dict[str, Any] = {}
            if self.task == 'detection':
                extra = {'pred_score_thr': self.score}
            self.visualizer.add_datasample(
                result['stem'], image, sample, draw_gt=False, **extra
            )
        return np.asarray(self.visualizer.get_image())


WRITERS: dict[str, type[Writer]] = {
    'classification': ClassTable,
    'detection': CocoFile,
    'segmentation': MaskFiles,
}


def class_values(predictor: Predictor) -> ndarray:
    """Return the value of each class in masks, as in those of the training."""
    values = predictor.meta.get('label_values')
    if values is None:
        first = int(bool(predictor.meta.get('reduce_zero_label')))
        values = range(first, first + len(predictor.classes))
    return np.asarray([*values], np.uint8)


def _wrapped(name: str) -> str:
    """Break the name of a class into lines that fit into a square picture."""
    # It follows 'Prediction: 1, 0.70 ('.
    return textwrap.fill(name, 36, initial_indent=21 * ' ').lstrip()


def _encoded(mask: ndarray) -> dict:
    """Return a mask as COCO's compressed run lengths."""
    from pycocotools import mask as coco_mask

    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': runs['size'], 'counts': runs['counts'].decode()}

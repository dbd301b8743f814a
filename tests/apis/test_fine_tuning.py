"""Fine-tuning by one call, and prediction with its result, on a CPU."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

import mixmae
from mixmae.apis.fine_tuning import FineTunedRun
from mixmae.apis.prediction_files import write_predictions
from mixmae.apis.predictor import Predictor
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.cli.commands import test
from tests.apis import own_data
from tests.quick_start import QuickStart

pytestmark = [
    pytest.mark.usefixtures('full_tier'),
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.xdist_group('quick start'),
]


# Output folders of the quick start, and folders of their images.
OUT = {
    'classification': ('runs/classes', 'classes/red'),
    'detection': ('runs/objects', 'objects/images'),
    'segmentation': ('runs/regions', 'regions/images'),
}


@pytest.fixture(scope='module')
def fine_tuned(quick_start: QuickStart) -> Callable[[str], FineTunedRun]:
    """Return the run of a task in the quick start."""

    def call(task: str) -> FineTunedRun:
        out = quick_start.folder / OUT[task][0]
        quick_start.said(OUT[task][0])
        checkpoint = Path(best_checkpoint(out))
        return FineTunedRun(out, out / 'config.py', checkpoint)

    return call


def images_of(run: FineTunedRun) -> list[str]:
    """Return three images of a data set."""
    root = run.out.parents[1]
    places = {root / out: root / images for out, images in OUT.values()}
    paths = sorted(places[run.out].glob('*.png'))
    return [str(path) for path in paths[:3]]


def test_classes(fine_tuned, tmp_path: Path) -> None:
    run = fine_tuned('classification')
    assert run.checkpoint.name.startswith('best_')
    predictor = Predictor(run.out, device='cpu')
    path = write_predictions(predictor, images_of(run), tmp_path)
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == images_of(run)
    for row in rows:
        scores = {name: float(row[name]) for name in own_data.COLOURS}
        assert sum(scores.values()) == pytest.approx(1, abs=1e-4)
        assert row['class'] == max(scores, key=scores.__getitem__)
    assert len(list((tmp_path / 'pictures').iterdir())) == 3
    # mmpretrain's own inferencer reads config and checkpoint as they are.
    from mmpretrain import ImageClassificationInferencer

    infer = ImageClassificationInferencer(
        str(run.config), str(run.checkpoint), device='cpu'
    )
    for row, theirs in zip(rows, infer(images_of(run))):
        assert theirs['pred_class'] == row['class']
        assert theirs['pred_score'] == pytest.approx(
            float(row['score']), abs=2e-5
        )


def test_objects(fine_tuned, tmp_path: Path) -> None:
    run = fine_tuned('detection')
    predictor = Predictor(run.out, device='cpu')
    path = write_predictions(predictor, images_of(run), tmp_path, score=0.0)
    content = json.loads(path.read_text())
    # Category ids are those of the annotations.
    assert [c['id'] for c in content['categories']] == [3, 17, 90]
    assert [i['file_name'] for i in content['images']] == images_of(run)
    from pycocotools.coco import COCO

    coco = COCO(path)
    for entry in content['annotations']:
        assert entry['category_id'] in (3, 17, 90)
        mask = coco.annToMask(entry)
        assert mask.shape == (56, 64) and mask.sum() == entry['area']
    from mmdet.apis import DetInferencer

    infer = DetInferencer(
        str(run.config), str(run.checkpoint), device='cpu', palette='random'
    )
    theirs = infer(images_of(run), out_dir=str(tmp_path))['predictions']
    for image, found in zip(content['images'], theirs):
        ours = [
            entry
            for entry in content['annotations']
            if entry['image_id'] == image['id']
        ]
        scores = [entry['score'] for entry in ours]
        assert scores == pytest.approx(found['scores'], abs=1e-4)
        for entry, box in zip(ours, found['bboxes']):
            x, y, width, height = entry['bbox']
            corners = [x, y, x + width, y + height]
            assert corners == pytest.approx(box, abs=0.03)


def test_masks(fine_tuned, tmp_path: Path) -> None:
    run = fine_tuned('segmentation')
    predictor = Predictor(run.out, device='cpu')
    path = write_predictions(predictor, images_of(run), tmp_path)
    with (tmp_path / 'images.csv').open(newline='') as file:
        rows = [*csv.reader(file)]
    named = [[Path(name).name, name] for name in images_of(run)]
    assert rows == [['file', 'image'], *named]
    from mmseg.apis import MMSegInferencer

    infer = MMSegInferencer(str(run.config), str(run.checkpoint), device='cpu')
    theirs = infer(images_of(run))['predictions']
    table = (tmp_path / 'classes.csv').read_text().splitlines()
    assert table[1:] == [f'{k},class_{k}' for k in range(1, 5)]
    for name, labels in zip(images_of(run), theirs):
        with Image.open(path / Path(name).name) as mask:
            assert mask.mode == 'P'
            # Values (from 1) and colours are those of the masks.
            assert np.array_equal(np.asarray(mask), labels + 1)
            assert mask.getpalette()[3:6] == [90, 90, 90]


@pytest.mark.parametrize(
    ('task', 'unit', 'files'),
    [
        ('classification', 6, 'predictions.csv'),
        ('detection', 3, 'predictions.segm.json'),
        ('segmentation', 2 * 56 * 64, 'masks/*.png'),
    ],
)
def test_details(
    fine_tuned, tmp_path: Path, task: str, unit: int, files: str
) -> None:
    """The test report counts as many labels as the validation set has."""
    run = fine_tuned(task)
    arguments = [str(run.config), str(run.checkpoint)]
    arguments += [f'--work-dir={tmp_path}/work', f'--details={tmp_path}/out']
    arguments += ['--cfg-options', f'experiment_name={tmp_path.name}']
    test.main(arguments)
    with (tmp_path / 'out/confusion.csv').open(newline='') as file:
        rows = [list(map(int, row[1:])) for row in [*csv.reader(file)][1:]]
    # The last row counts detections without a labelled object.
    rows = rows[: len(run_classes(run))]
    assert sum(map(sum, rows)) == unit
    assert list((tmp_path / 'out').glob(files))


@pytest.mark.parametrize('task', ['detection', 'segmentation'])
def test_a_pyramid_of_three_stages(tmp_path: Path, task: str) -> None:
    init = tmp_path / 'backbone.safetensors'
    own_data.write_backbone(init, own_data.THREE_STAGES)
    write = dict(
        detection=own_data.write_coco, segmentation=own_data.write_masks
    )
    data = write[task](tmp_path / 'data')
    run = mixmae.finetune(
        task, data, init, tmp_path / 'run', epochs=1, num_workers=0
    )
    config = Config.fromfile(run.config)
    assert config.model.backbone.out_indices == (0, 1, 2)
    images = sorted((tmp_path / 'data/images').glob('*.png'))[:2]
    found = Predictor(run.out, device='cpu')([str(path) for path in images])
    assert len(list(found)) == 2


@pytest.mark.parametrize('task', ['detection', 'segmentation'])
def test_a_corrupt_image_is_replaced(tmp_path: Path, task: str) -> None:
    init = own_data.write_backbone(tmp_path / 'backbone.safetensors')
    write = dict(
        detection=own_data.write_coco, segmentation=own_data.write_masks
    )
    data, val = (write[task](tmp_path / name) for name in ('data', 'val'))
    corrupt = min((tmp_path / 'data/images').glob('*.png'))
    os.truncate(corrupt, corrupt.stat().st_size // 2)
    options = dict(epochs=1, num_workers=0, val_data=val)
    run = mixmae.finetune(task, data, init, tmp_path / 'run', **options)
    _, row = (run.out / 'corrupt_files.txt').read_text().splitlines()
    assert row.split('\t')[:2] == ['truncated', str(corrupt)]


def run_classes(run: FineTunedRun) -> tuple[str, ...]:
    return Config.fromfile(run.config).classes


@pytest.mark.parametrize(
    'task', ['classification', 'detection', 'segmentation']
)
def test_the_config_is_an_ordinary_one(fine_tuned, task: str) -> None:
    run = fine_tuned(task)
    config = Config.fromfile(run.config)
    # The training does not replace the user's file.
    assert run.config.read_text().startswith(f'# {task.capitalize()} of ')
    assert len(config.classes) == config.num_classes
    with pytest.raises(ValueError, match='holds a run, up to'):
        mixmae.finetune(task, 'data', 'init', run.out)

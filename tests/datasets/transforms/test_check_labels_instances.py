"""CheckInstances: invalid objects raise an error that names them."""

import copy
import json

import pytest
from torch.utils.data import DataLoader, Dataset

from mixmae.config.failure_report import AnnotationError
from mixmae.datasets.transforms import CheckInstances

# Results of mmdet's CocoDataset and LoadImageFromFile.
RESULTS = {
    'img_path': 'data/coco/val2017/7.jpg',
    'img_id': 7,
    'height': 10,
    'width': 20,
    'ori_shape': (10, 20),
    'instances': [
        {
            'bbox': [1, 2, 5, 6],
            'bbox_label': 0,
            'ignore_flag': 0,
            'mask': [[1, 2, 5, 2, 5, 6]],
        },
        {
            'bbox': [0.0, 0.0, 20.4, 10.0],
            'bbox_label': 2,
            'ignore_flag': 1,
            'mask': {'size': [10, 20], 'counts': [0, 200]},
        },
    ],
}


@pytest.fixture
def results():
    return copy.deepcopy(RESULTS)


def test_valid_objects_pass_unchanged(results):
    check = CheckInstances(num_classes=3, with_mask=True)
    assert check(results) is results
    assert results == RESULTS


def test_an_image_without_objects_passes(results):
    results['instances'] = []
    CheckInstances(num_classes=3, with_mask=True)(results)


def test_resized_images_are_checked_at_their_original_size(results):
    # mmdet's pipelines for testing load annotations after Resize.
    results['img_shape'] = (5, 10)
    CheckInstances()(results)


@pytest.mark.parametrize(
    'change, words',
    [
        ({'bbox': [1, 2, 25, 6]}, '5 px beyond'),
        ({'bbox': [1, 2, 1, 6]}, 'empty or inverted'),
        ({'bbox': [1, 2, float('nan'), 6]}, 'not finite'),
        ({'bbox_label': 3}, 'class 3 is out of range, allowed is 0 to 2'),
        ({'bbox_label': -1}, 'class -1 is out of range'),
        ({'mask': [[1, 2, 3, 4]]}, 'three points'),
        ({'mask': {'size': [20, 10], 'counts': 'x'}}, 'mask is of 10 x 20'),
        ({'mask': None}, 'mask is missing'),
    ],
)
def test_invalid_objects_are_named(results, change, words):
    results['instances'][1].update(change)
    check = CheckInstances(num_classes=3, with_mask=True)
    with pytest.raises(ValueError) as raised:
        check(results)
    text = str(raised.value)
    assert words in text and '\n' not in text
    assert 'data/coco/val2017/7.jpg (id 7), instance 1' in text


def test_masks_are_not_required_by_default(results):
    del results['instances'][0]['mask']
    CheckInstances()(results)


def test_labels_below_zero_are_refused_without_a_number_of_classes(results):
    results['instances'][0]['bbox_label'] = 99
    CheckInstances()(results)
    results['instances'][0]['bbox_label'] = -1
    with pytest.raises(ValueError, match='allowed is 0 or more'):
        CheckInstances()(results)


def test_a_size_that_is_not_the_files_is_refused(results):
    results['width'], results['height'] = 10, 20
    with pytest.raises(ValueError, match='state 10 x 20 px, the file has 20'):
        CheckInstances()(results)


@pytest.mark.parametrize('bad', [25, float('nan')])
def test_the_id_is_that_of_the_annotation_file(results, tmp_path, bad):
    path = tmp_path / 'instances.json'
    entries = [
        {'id': 5, 'image_id': 6, 'bbox': [1, 2, bad - 1, 4]},
        {'id': 6, 'image_id': 7, 'bbox': [1, 2, 4, 4]},
        {'id': 9, 'image_id': 7, 'bbox': [1, 2, bad - 1, 4]},
    ]
    path.write_text(json.dumps({'annotations': entries}))
    results['instances'][0]['bbox'] = [1, 2, 1 + bad - 1, 2 + 4]
    with pytest.raises(ValueError) as raised:
        CheckInstances(ann_file=str(path))(results)
    assert str(path) in str(raised.value)
    assert 'instance 0 (annotation id 9)' in str(raised.value)


def test_another_annotation_file_is_not_reported(results, tmp_path):
    path = tmp_path / 'lvis.txt'
    path.write_text('no json')
    results['instances'][0]['bbox'] = [1, 2, 99, 6]
    check = CheckInstances(ann_file=str(path))
    with pytest.raises(ValueError, match='not found in .*lvis.txt.: box'):
        check(results)
    path.write_text('{"annotations": []}')
    with pytest.raises(ValueError, match='not found in .*lvis.txt.: box'):
        check(results)


def test_the_file_of_the_data_set_takes_precedence(results, tmp_path):
    path = tmp_path / 'instances.json'
    entry = {'id': 3, 'image_id': 7, 'bbox': [1, 2, 98, 4]}
    path.write_text(json.dumps({'annotations': [entry]}))
    results['instances'][0]['bbox'] = [1, 2, 99, 6]
    results['ann_file'] = str(path)
    with pytest.raises(ValueError, match='instance 0 .annotation id 3.: box'):
        CheckInstances(ann_file='other.json')(results)


class OneBadObject(Dataset):
    """Transform that checks an object outside of its image."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        results = copy.deepcopy(RESULTS)
        results['instances'][0]['bbox'] = [1, 2, 99, 6]
        CheckInstances()(results)


def test_the_line_is_one_line_from_a_worker():
    loader = DataLoader(OneBadObject(), num_workers=1)
    with pytest.raises(AnnotationError) as raised:
        next(iter(loader))
    text = str(raised.value)
    assert text.startswith('image data/coco/val2017/7.jpg (id 7), instance 0')
    assert '\n' not in text


def test_a_wrong_place_in_the_pipeline_is_reported():
    with pytest.raises(ValueError, match='after the image is loaded'):
        CheckInstances()({'instances': []})


def test_bad_arguments():
    with pytest.raises(ValueError, match='num_classes'):
        CheckInstances(num_classes=0)
    with pytest.raises(ValueError, match='tolerance'):
        CheckInstances(tolerance=float('nan'))

"""CheckLabelMap: invalid label maps raise an error that names them."""

import numpy as np
import pytest

from mixmae.datasets.transforms import CheckLabelMap


def results(labels, reduced=False, shape=(2, 3)):
    """Return results as mmseg's LoadAnnotations gives them."""
    return {
        'img_path': 'images/a.jpg',
        'seg_map_path': 'annotations/a.png',
        'ori_shape': shape,
        'reduce_zero_label': reduced,
        'gt_seg_map': np.array(labels, np.uint8),
    }


GOOD = [[0, 1, 2], [255, 0, 1]]


def test_valid_maps_pass_unchanged():
    given = results(GOOD)
    assert CheckLabelMap(num_classes=3)(given) is given
    assert given['gt_seg_map'].tolist() == GOOD


def test_maps_all_ignored_pass():
    CheckLabelMap(num_classes=1)(results([[255] * 3] * 2))


def test_resized_images_are_checked_at_their_original_size():
    CheckLabelMap(3)(results(GOOD) | {'img_shape': (9, 9)})


def test_values_out_of_range_are_named_and_counted():
    given = results([[0, 7, 3], [255, 7, 1]])
    with pytest.raises(ValueError) as raised:
        CheckLabelMap(num_classes=3)(given)
    text = str(raised.value)
    assert 'annotations/a.png of image images/a.jpg' in text
    assert '3 in 1 pixels, 7 in 2 pixels' in text
    assert 'allowed are 0 to 2 and 255' in text and '\n' not in text


def test_values_are_reported_as_stored_in_the_file():
    # 0 of the file is 255 by now, 4 of the file is 3.
    given = results([[0, 1, 3], [255, 0, 1]], reduced=True)
    with pytest.raises(ValueError, match=r'3 \(4 in the file\) in 1 pixels'):
        CheckLabelMap(num_classes=3)(given)


def test_the_number_of_values_reported_is_bounded():
    given = results([list(range(100, 120))], shape=(1, 20))
    with pytest.raises(ValueError, match='and 12 more values'):
        CheckLabelMap(num_classes=3)(given)


def test_the_ignored_value_can_be_chosen():
    CheckLabelMap(3, ignore_index=9)(results([[0, 1, 2], [9, 0, 1]]))
    with pytest.raises(ValueError, match='255 in 1 pixels'):
        CheckLabelMap(3, ignore_index=9)(results(GOOD))


def test_values_below_zero():
    given = results(GOOD)
    given['gt_seg_map'] = np.array([[0, -1, 2], [255, 0, 1]])
    with pytest.raises(ValueError, match='-1 in 1 pixels'):
        CheckLabelMap(3)(given)
    CheckLabelMap(256, ignore_index=-1)(given)


def test_another_size():
    with pytest.raises(ValueError) as raised:
        CheckLabelMap(3)(results(GOOD, shape=(3, 2)))
    text = str(raised.value)
    assert 'annotations/a.png has 3 x 2 px' in text
    assert 'images/a.jpg has 2 x 3 px' in text


def test_rgb_label_maps_are_refused():
    given = results(np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match='not one value per pixel'):
        CheckLabelMap(3)(given)


def test_a_wrong_place_in_the_pipeline_is_reported():
    with pytest.raises(ValueError, match='right after LoadAnnotations'):
        CheckLabelMap(3)({'ori_shape': (2, 3)})
    given = results(GOOD) | dict(img=np.zeros((2, 3, 3)))
    del given['gt_seg_map']
    with pytest.raises(ValueError, match='right after LoadAnnotations'):
        CheckLabelMap(3)(given)


def test_bad_arguments():
    with pytest.raises(ValueError, match='num_classes'):
        CheckLabelMap(0)


def test_inference_without_labels_passes():
    """mmseg's inferencers drop LoadAnnotations and keep what follows."""
    given = results(GOOD) | dict(img=np.zeros((2, 3, 3)))
    del given['gt_seg_map'], given['seg_map_path']
    assert CheckLabelMap(num_classes=3)(given) is given

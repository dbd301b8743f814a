import math

import pytest
import torch
import torch.nn.functional as F

from mixmae.evaluation.linear_probe import (
    DenseLinear,
    confusion_matrix,
    dense_linear_probe,
    intersection_over_union,
)


def test_iou_of_a_known_confusion():
    labels = torch.tensor([[0, 0, 1, 255]])
    predicted = torch.tensor([[0, 1, 1, 0]])
    confusion = confusion_matrix(predicted, labels, 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    iou = intersection_over_union(confusion)
    assert iou[:2].tolist() == [0.5, 0.5]
    assert math.isnan(iou[2])


def test_summed_layers_are_one_layer_on_upsampled_maps():
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, 4, 4), torch.randn(2, 5, 2, 2)]
    probe = DenseLinear(maps, 6)
    for layer in probe.layers:
        torch.nn.init.normal_(layer.weight)
    upsampled = [
        F.interpolate(m, (8, 8), mode='bilinear', align_corners=False)
        for m in maps
    ]
    expected = 0
    for i, (layer, feature_map) in enumerate(
        zip(probe.layers, upsampled, strict=True)
    ):
        mean = probe.get_buffer(f'mean{i}')
        deviation = probe.get_buffer(f'deviation{i}')
        expected = expected + layer((feature_map - mean) / deviation)
    torch.testing.assert_close(probe(maps, (8, 8)), expected)


def test_linear_maps_are_learnt_and_ignored_pixels_do_not_count():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (24, 4, 4), generator=generator)
    maps = F.one_hot(labels, 3).permute(0, 3, 1, 2).float() * 5
    maps = maps.half()
    labels[:, 0, 0] = 255
    result = dense_linear_probe(
        [maps[:16]], labels[:16], [maps[16:]], labels[16:], 3, epochs=30
    )
    assert result.miou > 0.99
    assert result.pixel_accuracy > 0.99
    again = dense_linear_probe(
        [maps[:16]], labels[:16], [maps[16:]], labels[16:], 3, epochs=30
    )
    assert torch.equal(again.class_iou, result.class_iou)


def test_labels_beyond_the_classes_are_an_error():
    labels = torch.full((1, 2, 2), 5)
    maps = [torch.zeros(1, 2, 2, 2)]
    with pytest.raises(ValueError, match='label is 5, but num_classes is 3'):
        dense_linear_probe(maps, labels, maps, labels, 3)

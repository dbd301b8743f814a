from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from mixmae.registry import MODELS
from mixmae.visualization.reconstruction_panel import (
    MARGIN,
    hidden_predicted,
    predict_mixed,
    reconstruction_panel,
    to_uint8,
)
from tests.engine.tiny_run import MODEL, SquaresDataset


def sample(
    value: float, statistics: bool = False, method: str = 'MixMAE'
) -> SimpleNamespace:
    return SimpleNamespace(
        original=torch.full((3, 32, 48), value),
        mixed=torch.full((3, 32, 48), value + 10),
        reconstruction=torch.full((3, 32, 48), value + 20),
        hidden=torch.tensor([[True, False, False], [False, False, True]]),
        loss=0.5,
        mean_colour_loss=1.0,
        method=method,
        uses_target_statistics=statistics,
    )


def test_pixels_are_clipped_and_rounded():
    image = torch.tensor([-5.0, 1.6, 300.0]).view(3, 1, 1)
    assert to_uint8(image).tolist() == [[[0, 2, 255]]]


def test_visible_cells_are_kept():
    shown = hidden_predicted(sample(40.0))
    for hidden in (shown[:, :16, :16], shown[:, 16:, 32:]):
        assert (hidden == 60).all()
    assert (shown == 40).sum() == 4 * 3 * 16 * 16


def test_four_pictures_per_image():
    panel = reconstruction_panel([sample(40.0), sample(90.0)], image_size=96)
    assert panel.dtype == np.uint8 and panel.shape[2] == 3
    colours = {tuple(c) for c in panel.reshape(-1, 3)}
    for value in (40, 50, 60, 90, 100, 110):
        assert (value,) * 3 in colours
    # Enlarged by whole factors: 2 x 2 pixels for each.
    assert (panel[:-30] == 40).all(2).sum() >= 32 * 48 * 4
    # The borders between own and hidden cells are drawn into the second one.
    assert (panel == 50).all(2).sum() < 32 * 48 * 4
    # One picture shows all predicted cells, one those of hidden cells.
    pictures = panel[MARGIN + 26 : MARGIN + 26 + 64]
    assert (pictures == 60).all(2).sum() == (6 + 2) * 16 * 16 * 4


def test_borrowed_statistics_add_a_note():
    plain = reconstruction_panel([sample(40.0)])
    noted = reconstruction_panel([sample(40.0, statistics=True)])
    assert noted.shape[0] > plain.shape[0]
    assert noted.shape[1] == plain.shape[1]
    # Nothing is written beyond the right margin.
    assert (noted[:, -MARGIN:] == 255).all()


def test_titles_say_what_the_encoder_sees():
    mixed, hidden, other = (
        reconstruction_panel([sample(40.0, method=method)])
        for method in ('MixMAE', 'UM-MAE', 'SimMIM')
    )
    assert not np.array_equal(mixed, hidden)
    assert np.array_equal(hidden, other)


def test_shows_only_the_first_ones():
    few = reconstruction_panel([sample(40.0)] * 2, max_samples=2)
    many = reconstruction_panel([sample(40.0)] * 9, max_samples=2)
    assert np.array_equal(few, many)
    with pytest.raises(ValueError, match='at least one'):
        reconstruction_panel([])


def test_mixes_images_under_one_mask():
    torch.manual_seed(0)
    model = MODELS.build(MODEL).train()
    images = SquaresDataset(4)
    data = pseudo_collate([images[i] for i in range(4)])
    samples = predict_mixed(model, data)
    assert model.training and not model.data_preprocessor.eval_shared
    for one, partner in zip(samples, samples[::-1], strict=True):
        assert torch.equal(one.hidden, samples[0].hidden)
        hidden = one.hidden.repeat_interleave(8, 0).repeat_interleave(8, 1)
        expected = torch.where(hidden, partner.original, one.original)
        torch.testing.assert_close(one.mixed, expected)
        assert not torch.equal(one.mixed, one.original)

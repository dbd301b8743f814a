import torch
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.data import DataLoader

from mixmae.evaluation import feature_extraction
from mixmae.registry import MODELS
from tests.engine.tiny_run import MODEL, SquaresDataset


def test_pooled_features_are_the_mean_of_the_last_map():
    torch.manual_seed(0)
    model = MODELS.build(MODEL)
    model.train()
    model.neck.eval()
    loader = DataLoader(SquaresDataset(7), 3, collate_fn=pseudo_collate)
    pooled, labels = feature_extraction.pooled_features(model, loader)
    assert pooled.shape == (7, 16)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert model.training and not model.neck.training
    assert not pooled.requires_grad
    whole = next(iter(DataLoader(SquaresDataset(7), 7, collate_fn=list)))
    data = model.data_preprocessor(pseudo_collate(whole), False)
    with torch.no_grad():
        expected = model.backbone(data['inputs'])[-1].mean((2, 3))
    torch.testing.assert_close(pooled, expected)


def test_pooled_features_of_any_size():
    torch.manual_seed(0)
    model = MODELS.build(MODEL)
    # No whole number of 8-pixel cells.
    loader = DataLoader(SquaresDataset(3, 30), 2, collate_fn=pseudo_collate)
    pooled, _ = feature_extraction.pooled_features(model, loader)
    image = SquaresDataset(1, 30)[0]['inputs'][None].float()
    with torch.no_grad():
        map_ = model.backbone((image.flip(1) - 127.5) / 64)[-1]
    torch.testing.assert_close(pooled[:1], map_.mean((2, 3)))


def test_shares_are_joined_in_order(monkeypatch):
    dealt = [torch.tensor([0, 3, 6]), torch.tensor([1, 4, 0])]
    dealt.append(torch.tensor([2, 5, 1]))
    monkeypatch.setattr(feature_extraction, 'get_world_size', lambda: 3)
    monkeypatch.setattr(
        feature_extraction, 'all_gather_object', lambda _: dealt
    )
    joined = feature_extraction.gather_shares(dealt[0], 7)
    assert joined.tolist() == list(range(7))


def test_dense_features_and_all_stages():
    torch.manual_seed(0)
    backbone = MODELS.build(MODEL['backbone'])
    dense = feature_extraction.with_all_stages(backbone)
    assert list(backbone.out_indices) == [1]
    images = torch.randn(5, 3, 32, 32)
    maps = feature_extraction.dense_features(dense, images.split(2))
    assert [tuple(m.shape) for m in maps] == [(5, 8, 8, 8), (5, 16, 4, 4)]
    with torch.no_grad():
        expected = backbone(images)[-1]
    torch.testing.assert_close(maps[-1].float(), expected, atol=2e-3, rtol=0)


def test_evaluating_restores_each_part():
    model = nn.Sequential(nn.Dropout(), nn.Dropout())
    model[1].eval()
    with feature_extraction.evaluating(model):
        assert not model[0].training
    assert model[0].training and not model[1].training


def test_pooling_of_mean_and_deviation():
    maps = torch.randn(3, 4, 5, 2)
    pooled = feature_extraction.mean_std_pool(maps)
    spread = (maps - maps.mean((2, 3), keepdim=True)).square().mean((2, 3))
    torch.testing.assert_close(pooled[:, :4], maps.mean((2, 3)))
    torch.testing.assert_close(pooled[:, 4:], spread.sqrt())
    # Of a single position there is no deviation, and no NaN.
    assert not feature_extraction.mean_std_pool(maps[..., :1, :1])[:, 4:].any()

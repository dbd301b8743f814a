import pytest
import torch

from mixmae.models.layers.drop_path import DropPath


def test_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    out = DropPath(0.25)(torch.ones(4000, 2, 3))
    assert all(len(image.unique()) == 1 for image in out[:50])
    values = out.unique().tolist()
    assert values == pytest.approx([0, 4 / 3])
    # 4,000 draws: three standard deviations are 0.027.
    assert out.mean().item() == pytest.approx(1, abs=0.03)


def test_nothing_happens_in_eval_mode():
    x = torch.randn(3, 2)
    assert torch.equal(DropPath(0.5).eval()(x), x)


@pytest.mark.parametrize('rate', [-0.1, 1.0])
def test_bad_rate(rate):
    with pytest.raises(ValueError, match=str(rate)):
        DropPath(rate)

import pytest
import torch

from mixmae.engine.saved_bytes import SavedBytes
from mixmae.models.layers.attention import SelfAttention
from mixmae.models.layers.transformer_block import TransformerBlock


def block(with_cp=False) -> TransformerBlock:
    torch.manual_seed(0)
    return TransformerBlock(8, SelfAttention(8, 2), with_cp=with_cp)


@pytest.mark.parametrize('with_cp', ['pointwise', True])
def test_recomputing_changes_memory_and_nothing_else(with_cp):
    results, kept = [], []
    for setting in (False, with_cp):
        part = block(setting).double()
        x = torch.randn(3, 10, 8).double().requires_grad_()
        with SavedBytes(part) as saved:
            out = part(x)
        kept.append(saved.total)
        out.square().sum().backward()
        grads = [p.grad for p in part.parameters()]
        results.append([out, x.grad, *grads])
    for plain, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10)
    # Of 16 C: norms (2 C) and GELU (4 C), or all but the input.
    assert kept[1] < (0.68 if with_cp == 'pointwise' else 0.15) * kept[0]


def test_nothing_is_recomputed_without_gradients():
    part = block('pointwise').eval()
    x = torch.randn(2, 5, 8)
    with torch.no_grad():
        torch.testing.assert_close(part(x), block().eval()(x), rtol=0, atol=0)


def test_unknown_settings():
    with pytest.raises(ValueError, match="False, 'pointwise' or True.*'some'"):
        block('some')

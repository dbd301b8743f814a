"""Operations and bytes of small products, by hand."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.roofline import Roofline


def counted(*, flops: float = 1.0, moved: float = 1.0) -> Roofline:
    return Roofline(flops, moved)


def test_a_product_by_hand():
    a, b = torch.randn(4, 5), torch.randn(5, 3)
    with counted(flops=1000.0, moved=10.0) as found:
        a @ b
    assert found.flops == 2 * 4 * 5 * 3
    assert found.moved == 4 * (20 + 15 + 12)
    # Bytes take longer than operations do.
    assert found.seconds == pytest.approx(18.8)
    with counted(flops=1.0, moved=1e9) as found:
        a @ b
    assert found.seconds == pytest.approx(120.0)


def test_the_backward_pass_counts():
    a = torch.randn(4, 5, requires_grad=True)
    b = torch.randn(5, 3, requires_grad=True)
    with counted() as found:
        (a @ b).sum().backward()
    assert found.flops == 3 * 2 * 4 * 5 * 3


def test_views_move_nothing():
    x = torch.randn(4, 6)
    with counted() as found:
        x.view(6, 4).transpose(0, 1)[1:].unsqueeze(0).expand(3, 3, 6)
        torch.empty(100)
    assert found.moved == found.seconds == 0


def test_what_is_changed_in_place_is_read_and_written():
    x = torch.randn(10)
    with counted() as found:
        x.add_(torch.ones_like(x))
    # Ones are written; both are read, one is written.
    assert found.moved == 4 * 10 * (1 + 3 + 1)


def test_an_expanded_tensor_is_read_once():
    with counted() as found:
        torch.zeros(1, 1).expand(5, 5) + torch.zeros(5, 5)
    made = 1 + 25
    assert found.moved == 4 * (made + 1 + 25 + 25)


def test_attention_counts_scores_and_sums():
    query = torch.randn(2, 3, 7, 8, requires_grad=True)
    key, value = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 5, 8)
    with counted() as found:
        out = scaled_dot_product_attention(query, key, value)
    pairs = 2 * 3 * 7 * 5
    assert found.flops == 2 * pairs * 8 * 2
    with counted() as found:
        out.sum().backward()
    assert found.flops == 2 * pairs * 8 * 5


def test_the_optimizer_moves_what_it_reads_and_writes():
    weight = torch.nn.Parameter(torch.randn(1000))
    adam = torch.optim.AdamW([weight], fused=True)
    weight.grad = torch.randn(1000)
    adam.step()
    with counted() as found:
        adam.step()
    # Weight, gradient and two moments are read, three of them written; torch
    # says of the gradient too that it may be changed.
    assert 7 * 4000 <= found.moved <= 8 * 4000 + 100
    assert found.flops == 0

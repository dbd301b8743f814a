"""``torch.compile`` of ``backbone.forward`` at a fixed size."""

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from mixmae.registry import MODELS
from tests.models.parts import TINY, TINY_PVT, TINY_TWINS, random_images

# The windows pad in every stage, in the first one on both axes.
ODD = (61, 75)


def network(tiny: dict = TINY, **changes) -> torch.nn.Module:
    torch.manual_seed(0)
    backbone = MODELS.build({**tiny, **changes})
    backbone.init_weights()
    for parameter in backbone.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return backbone.eval()


def assert_one_graph(backbone, images, compiler) -> None:
    torch.compiler.reset()
    counter = CompileCounterWithBackend(compiler)
    compiled = torch.compile(backbone, fullgraph=True, backend=counter)
    with torch.no_grad():
        expected = backbone(images)
        for _ in range(2):
            for found, wanted in zip(compiled(images), expected, strict=True):
                torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)
    # One graph, and the second call took it again.
    assert counter.frame_count == 1


def test_traces_to_one_graph():
    backbone = network(out_indices=(0, 1, 2, 3))
    assert_one_graph(backbone, random_images(2, *ODD), 'aot_eager')


def test_traces_to_one_graph_with_shifts():
    arch = dict(embed_dims=8, depths=(2,), num_heads=(1,))
    backbone = network(arch=arch, window_sizes=(4,), shift=True)
    assert_one_graph(backbone, random_images(2, 29, 42), 'aot_eager')


@pytest.mark.slow
@pytest.mark.parametrize('tiny', [TINY_PVT, TINY_TWINS])
def test_pyramids_trace_to_one_graph(tiny):
    backbone = network(tiny, out_indices=(0, 1, 2, 3))
    assert_one_graph(backbone, random_images(2, *ODD), 'aot_eager')


@pytest.mark.slow
def test_compiles_to_one_kernel_graph():
    """Compiled by Inductor; small, as padded windows compile slowly."""
    arch = dict(embed_dims=8, depths=(1,), num_heads=(1,))
    backbone = network(arch=arch, window_sizes=(4,), patch_size=4)
    assert_one_graph(backbone, random_images(2, 29, 42), 'inductor')

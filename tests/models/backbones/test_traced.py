"""Traced graphs accept their own image size only and name it."""

import io

import pytest
import torch
from torch.export import Dim

from tests.models.overriding import SMALL, small_backbone
from tests.models.parts import random_images

# Larger, of as many pixels, of as many tokens, and one that would broadcast.
OTHERS = [(32, 32), (8, 32), (15, 16), (1, 16)]


@pytest.mark.parametrize('name', SMALL)
def test_traced_graphs_refuse_other_sizes(name):
    backbone, images = small_backbone(name).eval(), random_images(2, 16, 16)
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            traced = torch.jit.trace(backbone, images)
    saved = io.BytesIO()
    torch.jit.save(traced, saved)
    saved.seek(0)
    for graph in (traced, torch.jit.freeze(torch.jit.load(saved))):
        for batch in (2, 3, 1):
            images = random_images(batch, 16, 16)
            for ours, wanted in zip(
                graph(images), backbone(images), strict=True
            ):
                torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)
        for height, width in OTHERS:
            said = f'traced for images of 16x16, and got {height}x{width}'
            with pytest.raises(torch.jit.Error, match=said):
                graph(random_images(2, height, width))


def test_traced_encoders_refuse_other_grids():
    backbone = small_backbone('pvt').eval().requires_grad_(False)
    tokens = backbone.embed(random_images(2, 16, 16))
    traced = torch.jit.trace(lambda x: backbone.encode(x), tokens)
    torch.testing.assert_close(traced(tokens), backbone.encode(tokens))
    with pytest.raises(torch.jit.Error, match='token grids of 8x8.*got 4x16'):
        traced(tokens.reshape(2, 4, 16, -1))


def test_exported_programs_have_no_dynamic_size():
    backbone, images = small_backbone('swin').eval(), random_images(2, 16, 16)
    sizes = {2: Dim('height'), 3: Dim('width')}
    with pytest.raises(Exception, match='height.*constant.*16'):
        torch.export.export(backbone, (images,), dynamic_shapes=(sizes,))
    batch = {0: Dim('batch')}
    program = torch.export.export(backbone, (images,), dynamic_shapes=(batch,))
    images = random_images(3, 16, 16)
    torch.testing.assert_close(program.module()(images), backbone(images))


@pytest.mark.parametrize('name', ['swin', 'svt', 'vit'])
def test_onnx_of_traces_refuses_other_sizes(name, tmp_path):
    """The exported axes are declared dynamic although they are not."""
    runtime = pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    backbone, images = small_backbone(name).eval(), random_images(2, 16, 16)
    path = str(tmp_path / 'a.onnx')
    with torch.no_grad():
        torch.onnx.export(
            backbone,
            (images,),
            path,
            dynamo=False,
            input_names=['images'],
            dynamic_axes={'images': {2: 'height', 3: 'width'}},
        )
    session = runtime.InferenceSession(path)
    [found] = session.run(None, {'images': images.numpy()})
    torch.testing.assert_close(
        torch.from_numpy(found), backbone(images)[0], rtol=1e-4, atol=1e-5
    )
    for size in OTHERS:
        with pytest.raises(Exception, match='mismatched dimensions'):
            session.run(None, {'images': random_images(2, *size).numpy()})

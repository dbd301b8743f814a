"""Our backbones in mmdet and mmseg: forward, backward, prediction."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('full_tier')]
# Found by its scope alone, without custom_imports.
SWIN = dict(
    type='mixmae.MIMSwin',
    arch=dict(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
    window_sizes=(7, 7, 7, 7),
    out_indices=(0, 1, 2, 3),
)
# Warnings of mmcv's and mmdet's code about torch functions.
warnings_of_others = pytest.mark.filterwarnings('ignore')


def packaged_config(package: str, name: str) -> Config:
    """Read a config that is part of a package."""
    module = import_module(package)
    folder = Path(module.__file__).parent / '.mim' / 'configs'
    return Config.fromfile(folder / name)


def backward(losses: dict) -> float:
    """Sum all losses, run backward, return the sum."""
    parts = [value for key, value in losses.items() if 'loss' in key]
    flat = [
        item
        for part in parts
        for item in (part if isinstance(part, list) else [part])
    ]
    total = torch.stack([item.sum() for item in flat]).sum()
    total.backward()
    return float(total.detach())


def test_ops_of_mmcv_work() -> None:
    from mmcv.ops import nms, roi_align

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    kept = nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5)[1]
    assert kept.tolist() == [0, 2]
    constant = torch.full((1, 1, 8, 8), 3.0)
    region = torch.tensor([[0.0, 1, 1, 6, 6]])
    pooled = roi_align(constant, region, (2, 2), 1.0)
    torch.testing.assert_close(pooled, torch.full((1, 1, 2, 2), 3.0))


@warnings_of_others
def test_mmdet_mask_rcnn() -> None:
    cfg = packaged_config('mmdet', 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py')
    from mmdet.registry import MODELS
    from mmdet.testing import demo_mm_inputs
    from mmdet.utils import register_all_modules

    # No default scope is left behind: the model names its own.
    register_all_modules(init_default_scope=False)
    torch.manual_seed(0)
    cfg.model._scope_ = 'mmdet'
    cfg.model.backbone = SWIN
    cfg.model.neck.in_channels = [8, 16, 32, 64]
    # A few regions instead of a thousand: seconds instead of half a minute.
    cfg.model.train_cfg.rpn_proposal.update(nms_pre=100, max_per_img=20)
    cfg.model.train_cfg.rcnn.sampler.num = 16
    cfg.model.test_cfg.rpn.update(nms_pre=100, max_per_img=20)
    cfg.model.test_cfg.rcnn.max_per_img = 5
    model = MODELS.build(cfg.model)
    data = demo_mm_inputs(2, [[3, 64, 96], [3, 96, 64]], with_mask=True)
    data = model.data_preprocessor(data, True)
    total = backward(model(**data, mode='loss'))
    assert 0 < total < 100
    model.eval()
    with torch.no_grad():
        found = model(**data, mode='predict')
    assert {'bboxes', 'scores', 'labels', 'masks'} <= set(
        found[0].pred_instances.keys()
    )


@warnings_of_others
def test_mmseg_upernet() -> None:
    name = 'upernet/upernet_r50_4xb2-40k_cityscapes-512x1024.py'
    cfg = packaged_config('mmseg', name)
    from mmengine.structures import PixelData
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample
    from mmseg.utils import register_all_modules

    # No default scope is left behind: the model names its own.
    register_all_modules(init_default_scope=False)
    torch.manual_seed(0)
    cfg.model._scope_ = 'mmseg'
    cfg.model.pretrained = None
    for part in ('decode_head', 'auxiliary_head'):
        # SyncBN, its default, needs processes.
        cfg.model[part].norm_cfg = dict(type='BN', requires_grad=True)
    cfg.model.backbone = SWIN
    cfg.model.decode_head.update(in_channels=[8, 16, 32, 64], channels=32)
    cfg.model.auxiliary_head.update(in_channels=32, channels=32)
    cfg.model.data_preprocessor.size = (64, 64)
    model = MODELS.build(cfg.model)
    samples = []
    for _ in range(2):
        sample = SegDataSample(
            metainfo=dict(img_shape=(64, 64), ori_shape=(64, 64))
        )
        sample.gt_sem_seg = PixelData(data=torch.randint(0, 19, (1, 64, 64)))
        samples.append(sample)
    images = [torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)] * 2
    data = dict(inputs=images, data_samples=samples)
    data = model.data_preprocessor(data, True)
    assert 0 < backward(model(**data, mode='loss')) < 100
    model.eval()
    with torch.no_grad():
        found = model(**data, mode='predict')
    assert found[0].pred_sem_seg.data.shape == (1, 64, 64)

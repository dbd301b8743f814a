"""Layer decay in the models of mmpretrain, mmdet and mmseg."""

import pytest
from torch import nn

from tests.engine.optimizers.test_layer_decay_constructor import (
    ADAMW,
    FLAT,
    TINY,
    build,
    settings,
    tiny,
)
from tests.full_tier import require_full_tier


def mmpretrain_classifier(backbone: dict) -> nn.Module:
    from mmpretrain.registry import MODELS as MMPRETRAIN

    head = dict(type='LinearClsHead', num_classes=3, in_channels=64)
    return MMPRETRAIN.build(
        dict(
            type='ImageClassifier',
            _scope_='mmpretrain',
            backbone=backbone,
            neck=dict(type='GlobalAveragePooling'),
            head=head,
        )
    )


@pytest.mark.parametrize('theirs', [False, True], ids=['ours', 'theirs'])
def test_agrees_with_mmpretrain(theirs):
    """Compared with mmpretrain's constructor for its Swin and for ours."""
    from mmpretrain.engine.optimizers import (
        LearningRateDecayOptimWrapperConstructor as Reference,
    )

    swin = dict(
        type='SwinTransformer',
        arch=dict(embed_dims=8, depths=[1, 1, 2, 1], num_heads=[1, 1, 2, 2]),
        img_size=64,
        stage_cfgs=dict(block_cfgs=dict(window_size=2)),
    )
    model = mmpretrain_classifier(swin if theirs else TINY)
    cfg = dict(type='OptimWrapper', optimizer=ADAMW)
    reference = settings(model, Reference(dict(cfg), FLAT)(model))
    found = settings(model, build(model, FLAT))
    assert found.keys() == reference.keys()
    for name, values in reference.items():
        assert found[name] == pytest.approx(values), name
    if theirs:
        options = {**FLAT, 'bias_table_decay_mult': 0.0}
        found = settings(model, build(model, options))
        tables = [k for k in found if k.endswith('bias_table')]
        assert len(tables) == 5
        assert {found[name][1] for name in tables} == {0.0}


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('package', ['mmdet', 'mmseg'])
def test_same_in_detectors_and_segmentors(package):
    require_full_tier()
    backbone = {**TINY, 'out_indices': (0, 1, 2, 3)}
    channels = [8, 16, 32, 64]
    if package == 'mmdet':
        from mmdet.registry import MODELS as registry
        from mmdet.utils import register_all_modules

        config = dict(
            type='RetinaNet',
            neck=dict(
                type='FPN', in_channels=channels, out_channels=8, num_outs=5
            ),
            bbox_head=dict(
                type='RetinaHead',
                num_classes=3,
                in_channels=8,
                feat_channels=8,
                stacked_convs=1,
            ),
        )
    else:
        from mmseg.registry import MODELS as registry
        from mmseg.utils import register_all_modules

        config = dict(
            type='EncoderDecoder',
            decode_head=dict(
                type='FCNHead',
                in_channels=64,
                in_index=3,
                channels=8,
                num_convs=1,
                num_classes=3,
                norm_cfg=dict(type='BN'),
            ),
        )
    register_all_modules(init_default_scope=False)
    model = registry.build(
        {**config, '_scope_': package, 'backbone': backbone}
    )
    found = settings(model, build(model, FLAT))
    plain = tiny(out_indices=(0, 1, 2, 3))
    expected = settings(plain, build(plain, FLAT))
    inside = {k: v for k, v in found.items() if k.startswith('backbone.')}
    assert inside == {
        k: v for k, v in expected.items() if k.startswith('backbone.')
    }
    outside = {v[0] for k, v in found.items() if k not in inside}
    assert outside == {2e-3}

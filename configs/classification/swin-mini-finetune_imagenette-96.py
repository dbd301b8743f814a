# Paper: MixMAE, arXiv 2205.13137; a network and a data set small enough for
#   two CPU cores: 946 labelled pictures of Imagenette, a tenth.
# Command: python tools/train.py
#   configs/classification/swin-mini-finetune_imagenette-96.py
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown; LOG.md has a like measurement
# Status: builds; not trained by us
# Deviations: settings ours, a few minutes long; patches of 3 pixels
_base_ = './swin-mini-finetune_scenes-128.py'

# What configs/mixmae/swin-mini_imagenette-96.py writes.
pretrained = 'work_dirs/swin-mini_imagenette-96/epoch_10.pth'
data_root = 'data/imagenette128'
img_size = 96
model = dict(
    # The size of the pretraining.
    backbone=dict(
        img_size=96,
        patch_size=3,
        init_cfg=dict(checkpoint=pretrained),
    ),
)
train_pipeline = [
    dict(
        _base_.train_pipeline[0],
        scale=img_size,
        crop_ratio_range=(0.2, 1.0),
    ),
    *_base_.train_pipeline[1:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(
        type='ResizeEdge',
        scale=img_size,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='CenterCrop', crop_size=img_size),
    _base_.test_pipeline[-1],
]
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        indices=[index * 10 for index in range(946)],
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline)
)
test_dataloader = val_dataloader

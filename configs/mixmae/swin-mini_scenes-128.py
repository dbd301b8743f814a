# Paper: MixMAE, arXiv 2205.13137; the mini network at the strides of Swin-B,
#   on the embedded synthetic scenes.
# Command: python tools/dataset_converters/make_scenes.py data/scenes-128
#   --size 128 --train 4096
#   python tools/train.py configs/mixmae/swin-mini_scenes-128.py
# Cost: see LOG.md
# Expected: see configs/mixmae/README.md [reproduced here]
# Status: pretrained the backbone of the detection and segmentation configs
#   on scenes
# Deviations: settings ours; 128-pixel images of 16 cells, 32 dims at stage 1.
_base_ = './swin-mini_imagenette-96.py'

data_root = 'data/scenes-128/imagenet'
img_size = 128
max_epochs = 20

model = dict(
    data_preprocessor=dict(masking=dict(cell=32)),
    backbone=dict(img_size=img_size, patch_size=4),
    neck=dict(cell=32),
)

# Objects in scenes are small, so crops keep at least 40 % of the area.
train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        _base_.train_pipeline[1],
        scale=img_size,
        crop_ratio_range=(0.4, 1.0),
    ),
    *_base_.train_pipeline[2:],
]
# Full scenes of 128 pixels.
test_pipeline = [
    _base_.test_pipeline[0],
    *(_base_.test_pipeline[1:3] if img_size != 128 else []),
    _base_.test_pipeline[-1],
]
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs)
# Detection and segmentation measure this one: no probe.
custom_hooks = [dict(type='ReconstructionHook', interval=5)]

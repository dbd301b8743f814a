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
max_epochs = 20

model = dict(
    data_preprocessor=dict(masking=dict(cell=32)),
    backbone=dict(img_size=128, patch_size=4),
    neck=dict(cell=32),
)

# Objects in scenes are small, so crops keep at least 40 % of the area.
train_pipeline = [
    # Crops depend on seed, epoch and image alone.
    dict(type='SeedSample'),
    dict(
        type='LoadRandomResizedCrop',
        scale=128,
        crop_ratio_range=(0.4, 1.0),
        interpolation='bicubic',
    ),
    # Drawn here, done on the device.
    dict(type='DrawFlip', prob=0.5),
    dict(type='PackImage'),
]
test_pipeline = [
    dict(type='LoadImage'),
    # sample_idx seeds the mask of an image, so that figures can be compared.
    dict(type='mmpretrain.PackInputs', meta_keys=('sample_idx', 'img_path')),
]
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
# The last entry of the schedule ends with the training.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        by_epoch=True,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        by_epoch=True,
        begin=1,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=max_epochs)
# Detection and segmentation measure this one: no probe.
custom_hooks = [dict(type='ReconstructionHook', interval=5)]

# Paper: Mask R-CNN, arXiv 1703.06870, on MixMAE, arXiv 2205.13137; 50 real
#   pictures, a network small enough for a CPU core.
# Command: python tools/train.py
#   configs/detection/mask-rcnn_swin-mini_coco-tiny.py
# Cost: see README.md of this folder
# Expected: see README.md of this folder [reproduced here]
# Status: run by us: 50 pictures show that it runs, and rank nothing
# Deviations: settings ours; a short side of 192 pixels; pretrained on
#   Imagenette, real pictures too, with patches of 3 pixels
_base_ = [
    '../_base_/models/mask-rcnn_mim-swin-mini.py',
    '../_base_/datasets/coco_tiny_instance.py',
    '../_base_/schedules/adamw_detection_mini.py',
    '../_base_/detection_runtime.py',
]

# What configs/mixmae/swin-mini_imagenette-96.py writes.
pretrained = 'work_dirs/swin-mini_imagenette-96/epoch_10.pth'
# Patches of 3 pixels: all strides are three quarters of the usual ones.
strides = [3, 6, 12, 24, 48]
model = dict(
    data_preprocessor=dict(pad_size_divisor=24),
    backbone=dict(
        img_size=96,
        patch_size=3,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    rpn_head=dict(anchor_generator=dict(scales=[4], strides=strides)),
    roi_head=dict(
        bbox_roi_extractor=dict(finest_scale=28, featmap_strides=strides[:4]),
        bbox_head=dict(num_classes=_base_.num_classes),
        mask_roi_extractor=dict(finest_scale=28, featmap_strides=strides[:4]),
        mask_head=dict(num_classes=_base_.num_classes),
    ),
)
# A dozen updates an epoch: more epochs, a shorter warm-up.
max_epochs = 24
warmup_iters = 24
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warmup_iters),
    dict(_base_.param_scheduler[1], end=max_epochs),
]
default_hooks = dict(
    logger=dict(interval=4), checkpoint=dict(interval=max_epochs)
)
auto_scale_lr = dict(enable=False, base_batch_size=4)

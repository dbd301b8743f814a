# Paper: Mask R-CNN, arXiv 1703.06870, on MixMAE, arXiv 2205.13137; network
#   and pictures small enough for a CPU core.
# Command: python tools/train.py
#   configs/detection/mask-rcnn_swin-mini_scenes-128.py
# Cost: see README.md of this folder
# Expected: see README.md of this folder [reproduced here]
# Status: run by us
# Deviations: settings ours, a few minutes long; heads a quarter as wide,
#   anchors half as large, 256 labelled scenes
_base_ = [
    '../_base_/models/mask-rcnn_mim-swin-mini.py',
    '../_base_/datasets/scenes_128_instance.py',
    '../_base_/schedules/adamw_detection_mini.py',
    '../_base_/detection_runtime.py',
]

# What configs/mixmae/swin-mini_scenes-128.py writes.
pretrained = 'work_dirs/swin-mini_scenes-128/epoch_20.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    # Objects measure 10 to 60 pixels: anchors start at 16 pixels, not at 32,
    # and regions change their level of the pyramid at 28, 56, 112.
    rpn_head=dict(anchor_generator=dict(scales=[4])),
    roi_head=dict(
        bbox_roi_extractor=dict(finest_scale=28),
        bbox_head=dict(num_classes=_base_.num_classes),
        mask_roi_extractor=dict(finest_scale=28),
        mask_head=dict(num_classes=_base_.num_classes),
    ),
)
default_hooks = dict(
    logger=dict(interval=16), checkpoint=dict(interval=_base_.max_epochs)
)
auto_scale_lr = dict(enable=False, base_batch_size=8)

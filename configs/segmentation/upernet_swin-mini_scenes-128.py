# Paper: UperNet, arXiv 1807.10221, on MixMAE, arXiv 2205.13137; a network
#   and a data set small enough for a CPU core.
# Command: python tools/train.py
#   configs/segmentation/upernet_swin-mini_scenes-128.py
# Cost: see README.md of this folder
# Expected: see README.md of this folder [reproduced here]
# Status: run by us
# Deviations: settings ours, a few minutes long; 512 labelled scenes of 4,096
_base_ = [
    '../_base_/models/upernet_mim-swin-mini.py',
    '../_base_/datasets/scenes_128_seg.py',
    '../_base_/schedules/adamw_poly_mini.py',
    '../_base_/segmentation_runtime.py',
]

# What configs/mixmae/swin-mini_scenes-128.py writes.
pretrained = 'work_dirs/swin-mini_scenes-128/epoch_20.pth'
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(num_classes=_base_.num_classes),
    auxiliary_head=dict(num_classes=_base_.num_classes),
)
# Pretraining saw all 4,096 scenes, without labels.
train_dataloader = dict(dataset=dict(indices=512))
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=_base_.max_iters, save_best=None),
)

# Paper: UperNet, arXiv 1807.10221, on MixMAE, arXiv 2205.13137; real
#   pictures, a network small enough for a CPU core.
# Command: python tools/train.py
#   configs/segmentation/upernet_swin-mini_camvid.py
# Cost: see README.md of this folder
# Expected: see README.md of this folder [reproduced here]
# Status: run by us
# Deviations: settings ours, a few minutes long; pictures at half their size;
#   pretrained on Imagenette at 96 pixels with patches of 3
_base_ = [
    '../_base_/models/upernet_mim-swin-mini.py',
    '../_base_/datasets/camvid_half.py',
    '../_base_/schedules/adamw_poly_mini.py',
    '../_base_/segmentation_runtime.py',
]

# What configs/mixmae/swin-mini_imagenette-96.py writes.
pretrained = 'work_dirs/swin-mini_imagenette-96/epoch_10.pth'
# The grids of a crop are 32, 16, 8 and 4, as in pretraining; those of a whole
# picture, 80x60 and down to 10x8, are padded to the windows.
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        img_size=96,
        patch_size=3,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(num_classes=_base_.num_classes),
    auxiliary_head=dict(num_classes=_base_.num_classes),
)
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=_base_.max_iters, save_best=None),
)

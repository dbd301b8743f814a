# Paper: MixMAE, arXiv 2205.13137; a network and a data set small enough for
#   two CPU cores.
# Command: python tools/train.py configs/mixmae/swin-mini_imagenette-96.py
# Cost: see LOG.md
# Expected: see configs/mixmae/README.md [reproduced here]
# Status: run by us
# Deviations: settings ours; 96-pixel images of 16 cells, 32 dims at stage 1.
_base_ = [
    '../_base_/models/mixmae_swin-b.py',
    '../_base_/datasets/imagenette_96_mim.py',
    '../_base_/schedules/adamw_mim_mini.py',
    '../_base_/mim_mini_runtime.py',
]

model = dict(
    data_preprocessor=dict(
        mean=_base_.mean, std=_base_.std, masking=dict(cell=24)
    ),
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=32,
            depths=(1, 1, 4, 1),
            num_heads=(2, 4, 8, 16),
        ),
        img_size=_base_.img_size,
        in_channels=_base_.in_channels,
        patch_size=3,
        window_sizes=(8, 8, 8, 4),
    ),
    neck=dict(
        in_channels=256,
        cell=24,
        decoder=dict(embed_dims=128, depth=2, num_heads=4),
    ),
)
max_epochs = 10
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
default_hooks = dict(checkpoint=dict(interval=2))

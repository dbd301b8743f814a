# Paper: MixMAE, arXiv 2205.13137; a network and pictures small enough for two
#   CPU cores, on the embedded synthetic scenes.
# Command: make demo
#   or python tools/train.py configs/mixmae/swin-demo_scenes-64.py
# Cost: about 3 minutes on 2 CPU cores; see LOG.md
# Expected: see configs/mixmae/README.md [reproduced here]
# Status: run by `make demo`
# Deviations: settings ours; 64-pixel images of 16 cells, three stages, 48
#   dims at the first.
_base_ = [
    '../_base_/models/mixmae_swin-b.py',
    '../_base_/datasets/scenes_64_mim.py',
    '../_base_/schedules/adamw_mim_mini.py',
    '../_base_/default_runtime.py',
]

# A few minutes are few updates: small batches make more of them.
batch_size = 32
max_epochs = 30
warmup_epochs = 2

train_dataloader = dict(batch_size=batch_size)

model = dict(
    data_preprocessor=dict(
        mean=_base_.mean, std=_base_.std, masking=dict(cell=16)
    ),
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=48,
            depths=(1, 1, 4),
            num_heads=(3, 6, 12),
        ),
        img_size=_base_.img_size,
        in_channels=_base_.in_channels,
        patch_size=4,
        window_sizes=(8, 8, 4),
    ),
    neck=dict(
        in_channels=192,
        cell=16,
        decoder=dict(embed_dims=128, depth=2, num_heads=4),
    ),
)

optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warmup_end),
    dict(_base_.param_scheduler[1], begin=warmup_end, end=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
default_hooks = dict(
    logger=dict(interval=32),
    checkpoint=dict(interval=1, max_keep_ckpts=2),
)

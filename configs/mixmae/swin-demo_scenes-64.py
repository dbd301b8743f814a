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
    '../_base_/default_runtime.py',
]

# A few minutes are few updates: small batches make more of them.
batch_size = 32
max_epochs = 30
warmup_epochs = 2

train_dataloader = dict(
    batch_size=batch_size, sampler=dict(batch_size=batch_size)
)

model = dict(
    data_preprocessor=dict(masking=dict(cell=16)),
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=48,
            depths=(1, 1, 4),
            num_heads=(3, 6, 12),
        ),
        img_size=64,
        patch_size=4,
        window_sizes=(8, 8, 4),
    ),
    neck=dict(
        in_channels=192,
        cell=16,
        decoder=dict(embed_dims=128, depth=2, num_heads=4),
    ),
)

optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='auto',
    optimizer=dict(
        type='AdamW', lr=1.5e-3, betas=(0.9, 0.95), weight_decay=0.05
    ),
    paramwise_cfg=dict(flat_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        by_epoch=True,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        by_epoch=True,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
# A run that was cut off goes on in the middle of an epoch.
train_cfg = dict(
    type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=5
)
default_hooks = dict(
    logger=dict(interval=32),
    checkpoint=dict(interval=1, max_keep_ckpts=2),
)

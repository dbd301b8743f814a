# AdamW for UperNet, 160,000 updates of 16 crops; polynomial decay of power 1
# after 1,500 updates of warm-up.
# Source: UM-MAE's and mmseg's MAE recipes on ADE20K agree on these; the rate
# of layer decay is ours to choose (configs/segmentation/README.md).
max_iters = 160000
warmup_iters = 1500
optim_wrapper = dict(
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, flat_decay_mult=0.0),
)
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_iters if warmup_iters < max_iters else max_iters // 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6,
        by_epoch=False,
        begin=0,
        end=warmup_end,
    ),
    # To 0 for every group: an eta_min would be the same for all of them.
    dict(
        type='PolyLR',
        eta_min=0.0,
        power=1.0,
        by_epoch=False,
        begin=warmup_end,
        end=max_iters,
    ),
]
train_cfg = dict(
    type='mixmae.ResumableIterLoop', max_iters=max_iters, val_interval=16000
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# AdamW for UperNet, 160,000 updates of 16 crops; polynomial decay of power 1
# after 1,500 updates of warm-up.
# Source: UM-MAE's and mmseg's MAE recipes on ADE20K agree on these; the rate
# of layer decay is ours to choose (configs/segmentation/README.md).
optim_wrapper = dict(
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, flat_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500
    ),
    # To 0 for every group: an eta_min would be the same for all of them.
    dict(
        type='PolyLR',
        eta_min=0.0,
        power=1.0,
        by_epoch=False,
        begin=1500,
        end=160000,
    ),
]
train_cfg = dict(
    type='mixmae.ResumableIterLoop', max_iters=160000, val_interval=16000
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# 6 epochs of AdamW, a few minutes on a CPU core. Nothing is decayed by layer,
# for that would hinder a training from scratch.
max_epochs = 6
warmup_iters = 64
train_cfg = dict(
    type='mixmae.ResumableTrainLoop',
    max_epochs=max_epochs,
    val_interval=max_epochs,
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    # mmcv's ops know no bfloat16, which 'auto' would choose on some CPUs.
    type='mixmae.AutocastOptimWrapper',
    dtype='float32',
    optimizer=dict(
        type='AdamW', lr=2e-3, betas=(0.9, 0.999), weight_decay=0.05
    ),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=1.0, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.001,
        by_epoch=False,
        begin=0,
        end=warmup_iters,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        by_epoch=True,
        begin=min(2, max_epochs - 1),
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]

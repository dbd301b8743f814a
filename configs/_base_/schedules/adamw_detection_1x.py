# 12 epochs of AdamW, 16 images an update.
# Source: mmdet's Mask R-CNN with Swin-T, 1x: rates, steps, warm-up, and no
# decay of norms and position biases.
max_epochs = 12
warmup_iters = 1000
train_cfg = dict(
    type='mixmae.ResumableTrainLoop', max_epochs=max_epochs, val_interval=1
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    # mmcv's ops know no bfloat16, so not dtype='auto'. Where there is no GPU
    # give optim_wrapper.dtype=float32.
    type='mixmae.AutocastOptimWrapper',
    dtype='float16',
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05
    ),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    # The rate is 1 in the sources. Below 1, the lower layers learn more
    # slowly.
    paramwise_cfg=dict(
        layer_decay_rate=1.0, flat_decay_mult=0.0, bias_table_decay_mult=0.0
    ),
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
        type='MultiStepLR',
        by_epoch=True,
        begin=0,
        end=max_epochs,
        milestones=sorted({max_epochs * 2 // 3, max_epochs * 11 // 12} - {0}),
        gamma=0.1,
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=16)

# Fine-tuning a mini network on few labels, 30 epochs; ours.
max_epochs = 30
warmup_epochs = 3
optim_wrapper = dict(
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    optimizer=dict(
        type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05
    ),
    clip_grad=dict(max_norm=1.0),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.8, flat_decay_mult=0.0),
)
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        by_epoch=True,
        begin=0,
        end=warmup_end,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.0,
        by_epoch=True,
        begin=warmup_end,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(
    type='mixmae.ResumableTrainLoop', max_epochs=max_epochs, val_interval=10
)
val_cfg = dict()
test_cfg = dict()

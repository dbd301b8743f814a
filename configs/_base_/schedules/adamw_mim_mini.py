# Pretraining of a mini network, an hour or two of a CPU core, one schedule for
# all methods: ours. Batches of 64.
max_epochs = 20
warmup_epochs = 1
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    optimizer=dict(
        type='AdamW', lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05
    ),
    paramwise_cfg=dict(flat_decay_mult=0.0),
)
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        by_epoch=True,
        begin=0,
        end=warmup_end,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        by_epoch=True,
        begin=warmup_end,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
# An interrupted run resumes within its epoch.
train_cfg = dict(
    type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=10
)

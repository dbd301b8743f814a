# The pretraining schedule of UM-MAE, 200 epochs.
# Source: implus/UM-MAE Makefile and main_pretrain.py; its SimMIM has the same.
#
# Learning rate, weight decay and betas hold for 4,096 images per update. A
# config sets batch_size and accumulative_counts so that
#   ranks x batch_size x accumulative_counts = 4096
# and auto_scale_lr.base_batch_size = ranks x batch_size, because MMEngine does
# not count accumulation there.
max_epochs = 200
warmup_epochs = 10
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    accumulative_counts=1,
    optimizer=dict(
        type='AdamW',
        lr=1.5e-4 * 4096 / 256,
        betas=(0.9, 0.95),
        weight_decay=0.05,
    ),
    # QUIRK(UM-MAE): what has one axis (norms, biases) is not decayed; the
    # mask tokens (3 axes officially) are.
    paramwise_cfg=dict(flat_decay_mult=0.0),
)

# Linear from 0 over 10 epochs, then cosine to 0, per micro-iteration.
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,  # MMEngine divides by it: 0 is not possible
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

# The pretraining schedule of MixMAE, 600 epochs.
# Source: the official base_600ep script.
#
# Learning rate, weight decay and betas hold for 2048 images per update. A
# config sets batch_size and accumulative_counts so that
#   ranks x batch_size x accumulative_counts = 2048
# (8 x 128 x 2 or 16 x 128 x 1), and auto_scale_lr.base_batch_size =
# ranks x batch_size, because MMEngine does not count accumulation there.
max_epochs = 600
warmup_epochs = 40
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    accumulative_counts=1,
    optimizer=dict(
        type='AdamW',
        lr=1.5e-4 * 2048 / 256,
        betas=(0.9, 0.95),
        weight_decay=0.05,
    ),
    # QUIRK(MixMIM): what has one axis (norms, biases) is not decayed; the
    # mask token (3 axes) and the relative position bias tables (2 axes) are.
    # Read by MMEngine's own constructor, DefaultOptimWrapperConstructor.
    paramwise_cfg=dict(flat_decay_mult=0.0),
)

# Linear from 0 over 40 epochs, then cosine to 0, per micro-iteration. MMEngine
# reaches the peak one step earlier, and steps per micro-iteration where the
# official code steps per update. For 1,250 micro-iterations an epoch, 2 an
# update, no update's rate differs by more than 4e-5 of the peak.
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

# The pretraining schedule of SimMIM, 100 epochs, 2,048 images an update.
# Source: microsoft/SimMIM, the yaml of Swin-B and main_simmim.py, which
# multiplies all three rates by images / 512.
max_epochs = 100
warmup_epochs = 10
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    accumulative_counts=1,
    optimizer=dict(
        type='AdamW',
        lr=2e-4 * 2048 / 512,
        betas=(0.9, 0.999),
        weight_decay=0.05,
    ),
    clip_grad=dict(max_norm=5.0),
    # QUIRK(SimMIM): in pretraining its tables of position biases (2 axes) are
    # decayed: the official code exempts them by a name that they do not have.
    paramwise_cfg=dict(flat_decay_mult=0.0),
)

# Linear from 1e-6 x 4 over 10 epochs, then along a cosine to 1e-5 x 4 that, as
# timm's, counts from the first epoch. The two overlap: at the end of the
# warm-up the rate is 1.7 % of the peak below the official one, later no more
# than 0.12 % off.
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6 / 2e-4,
        by_epoch=True,
        begin=0,
        end=warmup_end,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=1e-5 / 2e-4,
        by_epoch=True,
        begin=0,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]

# An interrupted run resumes within its epoch.
train_cfg = dict(
    type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=10
)

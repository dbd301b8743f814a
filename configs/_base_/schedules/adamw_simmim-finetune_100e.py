# The fine-tuning schedule of SimMIM's Swin, 100 epochs, 2,048 images an
# update. Source: the yamls of microsoft/SimMIM, config.py, optimizer.py and
# main_finetune.py, which multiplies all rates by images / 512.
max_epochs = 100
warmup_epochs = 20
optim_wrapper = dict(
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    accumulative_counts=1,
    optimizer=dict(
        type='AdamW',
        lr=1.25e-3 * 2048 / 512,
        betas=(0.9, 0.999),
        weight_decay=0.05,
    ),
    clip_grad=dict(max_norm=5.0),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=0.9, flat_decay_mult=0.0, bias_table_decay_mult=0.0
    ),
)
# Linear from 2.5e-7 x 4 over 20 epochs, then along a cosine back to it that,
# as timm's, counts from the first epoch; all times each layer's share. The two
# overlap: at the end of the warm-up the rate is 9.3 % of the peak below the
# official one, later no more than 0.002 % off.
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=2.5e-7 / 1.25e-3,
        by_epoch=True,
        begin=0,
        end=warmup_end,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=2.5e-7 / 1.25e-3,
        by_epoch=True,
        begin=0,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]

train_cfg = dict(
    type='mixmae.ResumableTrainLoop', max_epochs=max_epochs, val_interval=5
)
val_cfg = dict()
test_cfg = dict()

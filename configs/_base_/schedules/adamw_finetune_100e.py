# The fine-tuning schedule of MixMIM, 100 epochs.
# Source: the official base_600ep/finetune.sh and main_finetune.py.
#
# The learning rate holds for 1,024 images per update:
#   ranks x batch_size x accumulative_counts = 1024
# and auto_scale_lr.base_batch_size = ranks x batch_size, because MMEngine does
# not count accumulation there.
max_epochs = 100
warmup_epochs = 5
optim_wrapper = dict(
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    accumulative_counts=1,
    optimizer=dict(
        type='AdamW',
        lr=5e-4 * 1024 / 256,
        betas=(0.9, 0.999),
        weight_decay=0.05,
    ),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    # QUIRK(MixMIM): tables of position biases (2 axes) are decayed. That the
    # official head learns with 0.7 of the rate is taken for a slip; to have
    # it: --cfg-options optim_wrapper.paramwise_cfg.official_off_by_one=True
    paramwise_cfg=dict(
        layer_decay_rate=0.7,
        flat_decay_mult=0.0,
        official_off_by_one=False,
    ),
)

# Linear from 0 over 5 epochs, then cosine, per micro-iteration. Official is
# a least rate of 1e-6 times each layer's share: a ratio of 1e-6 / 2e-3. A
# common eta_min would make the lowest layers' rates rise.
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
        eta_min_ratio=1e-6 / 2e-3,
        by_epoch=True,
        begin=warmup_end,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]

train_cfg = dict(
    type='mixmae.ResumableTrainLoop', max_epochs=max_epochs, val_interval=5
)
val_cfg = dict()
test_cfg = dict()

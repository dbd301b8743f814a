# The pretraining schedule of MixMAE, 300 epochs.
# Source: mmpretrain's 300-epoch rerun; else as the official 600-epoch script.
_base_ = './adamw_mixmae_600e.py'

# A list is replaced as a whole: the warm-up is that of 600 epochs.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        by_epoch=True,
        begin=0,
        end=40,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        by_epoch=True,
        begin=40,
        end=300,
        convert_to_iter_based=True,
    ),
]

train_cfg = dict(max_epochs=300)

# The pretraining schedule of UM-MAE's Swin-L, 800 epochs; else as the one of
# 200 epochs.
_base_ = './adamw_um-mae_200e.py'

# A list is replaced as a whole.
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
        end=800,
        convert_to_iter_based=True,
    ),
]

train_cfg = dict(max_epochs=800)

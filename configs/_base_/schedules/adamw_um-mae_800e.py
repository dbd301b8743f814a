# The pretraining schedule of UM-MAE's Swin-L, 800 epochs; else as the one of
# 200 epochs.
_base_ = './adamw_um-mae_200e.py'

max_epochs = 800
warmup_epochs = 40
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warmup_end),
    dict(_base_.param_scheduler[1], begin=warmup_end, end=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs)

# The pretraining schedule of UM-MAE's Swin-L, 800 epochs; else as the one of
# 200 epochs.
_base_ = './adamw_um-mae_200e.py'

param_scheduler = [
    dict(_base_.param_scheduler[0], end=40),
    dict(_base_.param_scheduler[1], begin=40, end=800),
]
train_cfg = dict(max_epochs=800)

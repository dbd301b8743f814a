# The pretraining schedule of MixMAE, 300 epochs.
# Source: mmpretrain's 300-epoch rerun; else as the official 600-epoch script.
_base_ = './adamw_mixmae_600e.py'

# The warm-up is that of 600 epochs.
max_epochs = 300
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs)

# 25 epochs of AdamW, 16 images an update, along a cosine to a hundredth.
# Source: implus/UM-MAE DET/configs/gfl: rates, warm-up, no decay of norms and
# biases.
_base_ = './adamw_detection_1x.py'

max_epochs = 25
warmup_iters = 2000
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warmup_iters),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        by_epoch=True,
        begin=0,
        end=max_epochs,
    ),
]

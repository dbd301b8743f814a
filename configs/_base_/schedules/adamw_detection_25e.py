# 25 epochs of AdamW, 16 images an update, along a cosine to a hundredth.
# Source: implus/UM-MAE DET/configs/gfl: rates, warm-up, no decay of norms and
# biases.
_base_ = './adamw_detection_1x.py'

train_cfg = dict(max_epochs=25, val_interval=5)
param_scheduler = [
    dict(_base_.param_scheduler[0], end=2000),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        by_epoch=True,
        begin=0,
        end=25,
    ),
]

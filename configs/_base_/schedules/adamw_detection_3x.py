# 36 epochs of AdamW, 32 images an update. Source: FastMIM's public recipe for
# a SimMIM Swin-B: rates, steps, warm-up, 4 images per GPU. The number of GPUs
# is not published; 8 is our choice.
_base_ = './adamw_detection_1x.py'

max_epochs = 36
train_cfg = dict(max_epochs=max_epochs, val_interval=3)
optim_wrapper = dict(optimizer=dict(lr=6e-5))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(
        _base_.param_scheduler[1],
        end=max_epochs,
        milestones=sorted({max_epochs * 3 // 4, max_epochs * 11 // 12} - {0}),
    ),
]
auto_scale_lr = dict(base_batch_size=32)

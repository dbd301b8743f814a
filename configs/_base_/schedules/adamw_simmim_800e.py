# The pretraining schedule of SimMIM, 800 epochs: a tenth of the rate in the
# last 100. Source: the yamls of microsoft/SimMIM; else as the one of 100.
_base_ = './adamw_simmim_100e.py'

max_epochs = 800
optim_wrapper = dict(optimizer=dict(lr=1e-4 * 2048 / 512))
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=5e-7 / 1e-4),
    dict(
        type='MultiStepLR',
        milestones=sorted({max_epochs * 7 // 8} - {0}),
        gamma=0.1,
        by_epoch=True,
        begin=0,
        end=max_epochs,
    ),
]
train_cfg = dict(max_epochs=max_epochs)

# Imagenette without its labels, 96 pixels; else as imagenette_128_mim.py.
_base_ = './imagenette_128_mim.py'

img_size = 96
train_pipeline = [
    _base_.train_pipeline[0],
    dict(_base_.train_pipeline[1], scale=img_size),
    *_base_.train_pipeline[2:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=img_size),
    dict(_base_.test_pipeline[2], crop_size=img_size),
    *_base_.test_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    _base_.val_dataloader,
    dataset=dict(_base_.val_dataloader.dataset, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
probe_train = dict(
    _base_.probe_train,
    dataset=dict(_base_.probe_train.dataset, pipeline=test_pipeline),
)
custom_hooks = [
    dict(
        _base_.custom_hooks[0],
        train_dataloader=probe_train,
        val_dataloader=val_dataloader,
        interval=5,
    ),
    dict(_base_.custom_hooks[1], interval=5),
]

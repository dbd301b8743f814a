# ImageNet-1K with labels, 384 pixels. Above 224 pixels the official code
# tests on the middle of the whole image (crop_pct 1.0).
_base_ = './imagenet_224_finetune.py'

train_pipeline = [
    dict(_base_.train_pipeline[0], scale=384),
    *_base_.train_pipeline[1:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=384),
    dict(type='CenterCrop', crop_size=384),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

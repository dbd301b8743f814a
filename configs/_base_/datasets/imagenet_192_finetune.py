# ImageNet-1K with labels, 192 pixels; test images as in SimMIM at a short
# side of int(256 / 224 * 192) = 219, the 192 in their middle.
_base_ = './imagenet_224_finetune.py'

train_pipeline = [
    dict(_base_.train_pipeline[0], scale=192),
    *_base_.train_pipeline[1:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=219),
    dict(type='CenterCrop', crop_size=192),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# ImageNet-1K with labels, 384 pixels. Above 224 pixels the official code tests
# on the center of the full image (crop_pct 1.0).
_base_ = './imagenet_224_finetune.py'

img_size = 384
train_pipeline = [
    dict(_base_.train_pipeline[0], scale=img_size),
    *_base_.train_pipeline[1:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=img_size),
    dict(_base_.test_pipeline[2], crop_size=img_size),
    _base_.test_pipeline[3],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

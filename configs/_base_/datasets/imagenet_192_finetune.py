# ImageNet-1K with labels, 192 pixels; test images as in SimMIM at a short
# side of int(256 / 224 * 192) = 219, the 192 in their middle.
_base_ = './imagenet_224_finetune.py'

img_size = 192
train_pipeline = [
    dict(_base_.train_pipeline[0], scale=img_size),
    *_base_.train_pipeline[1:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=img_size * 256 // 224),
    dict(_base_.test_pipeline[2], crop_size=img_size),
    _base_.test_pipeline[3],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

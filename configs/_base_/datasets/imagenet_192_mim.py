# ImageNet-1K without its labels, 192 pixels; views as in SimMIM
# (data_simmim.py): crops of 67 to 100 % of the area, resized bilinearly,
# flips.
_base_ = './imagenet_224_mim.py'

img_size = 192
train_pipeline = [
    *_base_.train_pipeline[:1],
    dict(
        _base_.train_pipeline[1],
        scale=img_size,
        crop_ratio_range=(0.67, 1.0),
        interpolation='bilinear',
    ),
    *_base_.train_pipeline[2:],
]
# As much of the image as at 224 pixels.
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=img_size * 256 // 224),
    dict(_base_.test_pipeline[2], crop_size=img_size),
    *_base_.test_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

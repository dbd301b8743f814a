# ImageNet-1K without its labels, 256 pixels; views as in UM-MAE, which are
# those of imagenet_224_mim.py: crops of 20 to 100 % of the area, flips.
_base_ = './imagenet_224_mim.py'

img_size = 256
train_pipeline = [
    *_base_.train_pipeline[:1],
    dict(_base_.train_pipeline[1], scale=img_size),
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

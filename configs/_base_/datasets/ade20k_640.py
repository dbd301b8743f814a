# ADE20K (SceneParse150), crops of 640 pixels; else as ade20k_512.py.
_base_ = './ade20k_512.py'

img_size = 640
crop_size = (img_size, img_size)
train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(_base_.train_pipeline[3], scale=(4 * img_size, img_size)),
    dict(_base_.train_pipeline[4], crop_size=crop_size),
    *_base_.train_pipeline[5:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=(4 * img_size, img_size)),
    *_base_.test_pipeline[2:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# Any folder of images, 224 pixels: JPEG, PNG, WebP, BMP and TIFF files below
# data/images, at any depth. To use another one:
#   --cfg-options data_root=/my/pictures
# The reconstruction error is measured on the first 1,000 images: it says how
# well the model fits, and compares checkpoints; give val_dataloader a
# data_root of its own for more. Files of other than 8-bit RGB:
#   --cfg-options in_channels=1 (grey), 4 or another number of bands
_base_ = './imagenet_224_mim.py'

data_root = 'data/images'
value_range = 'auto'
train_pipeline, test_pipeline = (
    [
        dict(step, value_range=value_range) if 'value_range' in step else step
        for step in pipeline
    ]
    for pipeline in (_base_.train_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='UnlabeledImageFolder',
        data_root=data_root,
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='UnlabeledImageFolder',
        data_root=data_root,
        indices=1000,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader

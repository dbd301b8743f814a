# ImageNet-1K in shards, 224 pixels: data/imagenet-packed/{train,val}, made by
#   mixmae pack data/imagenet/train \
#       data/imagenet-packed/train --short-side 320
# and the same with val (docs/packed_data.md; without --short-side nothing is
# changed, and a run is that of the files, bit by bit). Labels are packed, but
# not asked for. Any other shards or tar files:
#   --cfg-options data_root=/my/shards
# for /my/shards/{train,val}, or data_root of the data set in each loader.
# Views are those of the files.
_base_ = './imagenet_224_mim.py'

data_root = 'data/imagenet-packed'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='PackedImages',
        data_root=f'{data_root}/train',
        pipeline=_base_.train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='PackedImages',
        data_root=f'{data_root}/val',
        pipeline=_base_.test_pipeline,
    )
)
test_dataloader = val_dataloader

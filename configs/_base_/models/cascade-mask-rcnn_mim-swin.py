# Cascade Mask R-CNN (1906.09756) with FPN on the Swin-B of MixMAE; windows as
# in mask-rcnn_mim-swin.py.
_base_ = 'mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mixmae.MIMSwin',
        arch='base',
        img_size=224,
        patch_size=4,
        window_sizes=(16, 16, 16, 16),
        drop_path_rate=0.2,
        out_indices=(0, 1, 2, 3),
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)

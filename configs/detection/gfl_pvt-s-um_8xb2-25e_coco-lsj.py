# Paper: UM-MAE, arXiv 2205.10063, with GFL, arXiv 2006.04388; implus/UM-MAE
#   DET/configs/gfl
# Command: tools/dist_train.sh
#   configs/detection/gfl_pvt-s-um_8xb2-25e_coco-lsj.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown: the paper's table could not be read
# Status: builds; not trained by us
# Deviations: learned positions are decayed
_base_ = './gfl_swin-t-um_8xb2-25e_coco-lsj.py'

# After fine-tuning on ImageNet-1K, as officially. Positions are stretched from
# the grid of 256 pixels.
pretrained = 'work_dirs/pvt-s-um-mae_8xb64-100e_in1k-256/epoch_100.pth'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mixmae.MIMPVT',
        arch='small',
        img_size=256,
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
        reduction='pool',
        patch_norm=False,
        block_norm_eps=1e-5,
        positions='learned',
        drop_path_rate=0.1,
        out_indices=(1, 2, 3),
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=[
        dict(_base_.model.neck[0], in_channels=[128, 320, 512]),
        _base_.model.neck[1],
    ],
)

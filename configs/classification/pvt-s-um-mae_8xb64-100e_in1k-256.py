# Paper: UM-MAE, arXiv 2205.10063; implus/UM-MAE Makefile,
#   finetune_mae_pvt_small_256_mask_vmr025_200e_100e
# Command: tools/dist_train.sh
#   configs/classification/pvt-s-um-mae_8xb64-100e_in1k-256.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 79.31 % ImageNet-1K top-1 after 200 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: as swin-t-um-mae_8xb64-100e_in1k-256.py; learned positions are
#   decayed
_base_ = './swin-t-um-mae_8xb64-100e_in1k-256.py'

pretrained = 'work_dirs/pvt-s_8xb128_200e/epoch_200.pth'
# UM-MAE's PVT-S (models_pvt.py): keys from regions of 8, 4, 2, 1 tokens,
# positions that learn from where the frozen ones were.
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
        output_norms=False,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=dict(in_channels=512),
    head=dict(in_channels=512),
)

# Paper: SimMIM, arXiv 2111.09886, as UM-MAE, arXiv 2205.10063, runs it;
#   implus/UM-MAE Makefile,
#   finetune_simmim_pvt_small_256_200e_100e
# Command: tools/dist_train.sh
#   configs/classification/pvt-s-um-simmim_8xb64-100e_in1k-256.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 79.28 % ImageNet-1K top-1 after 200 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: as pvt-s-um-mae_8xb64-100e_in1k-256.py
_base_ = './pvt-s-um-mae_8xb64-100e_in1k-256.py'

pretrained = 'work_dirs/pvt-s-um_8xb128_200e/epoch_200.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=pretrained)))

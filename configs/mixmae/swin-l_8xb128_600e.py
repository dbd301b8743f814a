# Paper: MixMAE, arXiv 2205.13137; network of Sense-X/MixMIM
#   models_mixmim.py
# Command: tools/dist_train.sh configs/mixmae/swin-l_8xb128_600e.py 8
# Cost: not measured by us
# Expected: 85.9 % ImageNet-1K top-1, fine-tuned at 224 [official number]
# Status: builds; loss and gradients equal the official code (golden figures);
#   not trained by us
# Deviations: settings ours: the official ones of Swin-L are not published, so
#   those of Swin-B are kept
_base_ = './swin-b_8xb128_600e.py'

model = dict(
    backbone=dict(arch='large'),
    neck=dict(in_channels=1536),
)

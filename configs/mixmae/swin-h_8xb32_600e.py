# Paper: MixMAE, arXiv 2205.13137; network of Sense-X/MixMIM
#   models_mixmim.py
# Command: tools/dist_train.sh configs/mixmae/swin-h_8xb32_600e.py 8
# Cost: not measured by us
# Expected: unknown: no result of Swin-H is published
# Status: builds; loss and gradients equal the official code (golden figures);
#   not trained by us
# Deviations: settings ours: the official ones of Swin-H are not published, so
#   those of Swin-B are kept; blocks are recomputed to save memory
_base_ = './swin-b_8xb128_600e.py'

model = dict(
    backbone=dict(arch='huge', with_cp=True),
    neck=dict(in_channels=2816),
)

# 8 ranks x 32 images x 8 micro-iterations = 2,048 images an update, with 64
# masks.
batch_size = 32
accumulative_counts = 8
train_dataloader = dict(batch_size=batch_size)
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(accumulative_counts=accumulative_counts)
auto_scale_lr = dict(base_batch_size=256)

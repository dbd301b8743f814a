# Paper: MixMAE, arXiv 2205.13137; network of Sense-X/MixMIM
#   models_mixmim.py
# Command: tools/dist_train.sh configs/mixmae/swin-h_8xb32_600e_fsdp.py 8
# Cost: not measured by us
# Expected: unknown: no result of Swin-H is published
# Status: two ranks of a tiny network train as DDP's do; not trained by us at
#   this size, and on no GPU
# Deviations: those of swin-h_8xb32_600e.py; the ranks share parameters,
#   gradients and optimizer states (FSDP2)
_base_ = './swin-h_8xb32_600e.py'

runner_type = 'mixmae.ShardedRunner'
model_wrapper_cfg = dict(
    _delete_=True,
    type='FullyShardedModel',
    # Blocks of the encoder and of the decoder.
    blocks=('TransformerBlock',),
    reshard_after_forward=True,
)

#!/usr/bin/env bash
# Evaluate a checkpoint on several processes of this node, or several nodes.
#
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [arguments of tools/test.py]
#
# For PORT, NNODES, NODE_RANK, MASTER_ADDR, MASTER_PORT see dist_train.sh.
if [ $# -lt 3 ]; then
    echo "usage: [PORT=] [NNODES= NODE_RANK= MASTER_ADDR= MASTER_PORT=] $0 CONFIG CHECKPOINT GPUS [ARGS...]" >&2
    exit 2
fi
CONFIG=$1
CHECKPOINT=$2
GPUS=$3
shift 3
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$TOOLS/launch.sh"
launch "$GPUS" "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "$@"

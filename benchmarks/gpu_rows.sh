#!/bin/sh
# All rows of a GPU in two calls of less than ten minutes each.
#
#   sh benchmarks/gpu_rows.sh 1|2 [DIR]
#
# 1: Swin-B at 224, bfloat16, each candidate at its best batch, and at one
# batch for its memory. 2: L and H, UM-MAE and SimMIM, and what is saved.
# DIR (default: figures) gets a JSON file of each row, which is written after
# every process, so that a call that is cut off leaves what it has, and
# rows-1.txt or rows-2.txt with the tables. $PYTHON chooses the interpreter,
# $DEVICE another device, $QUICK a tiny rehearsal.
set -u
cd "$(dirname "$0")/.."

part=${1-}
case $part in
1 | 2) ;;
*)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" >&2
    exit 2
    ;;
esac
dir=${2-figures}
mkdir -p "$dir"
tables=$dir/rows-$part.txt
: >"$tables"
device=${DEVICE-cuda}
status=0

# The name of its file, its minutes, the module, and its options.
row() {
    name=$1
    minutes=$2
    module=$3
    shift 3
    [ -z "${QUICK-}" ] || set -- "$@" --arch mini --img-size 128 --batch 2 \
        --dtype float32 --steps 1 --rounds 1 --threads 1 --no-compiled
    [ -z "${QUICK-}" ] || [ "$module" = step ] || {
        # Options of steps only.
        set -- --arch mini --batch 2 --steps 1 --rounds 1 --threads 1
    }
    echo "== $name: python -m benchmarks.$module $*" | tee -a "$tables"
    "${PYTHON-python3}" -m "benchmarks.$module" --device "$device" \
        --minutes "$minutes" --out "$dir/$name.json" "$@" \
        >"$dir/last.txt" || status=1
    tee -a "$tables" <"$dir/last.txt"
    rm -f "$dir/last.txt"
}

# Less than ten minutes together, the starts of the scripts included.
if [ "$part" = 1 ]; then
    row base-best 6.5 step --arch base --batch best --rounds 2 \
        --warmup 5 --steps 15
    row base-128 2.3 step --arch base --batch 128 --rounds 2 \
        --warmup 5 --steps 15 --no-compiled
else
    row memory-base 1.8 memory --arch base --batch 64 --rounds 1
    row large-best 2.2 step --arch large --batch best --rounds 2 \
        --warmup 5 --steps 10 --no-compiled
    row huge-64 2.2 step --arch huge --batch 64 --rounds 1 \
        --warmup 5 --steps 10 --no-compiled
    row um-mae 1 step --method um-mae --arch base --batch best --rounds 1 \
        --warmup 5 --steps 15 --no-compiled
    row simmim 1 step --method simmim --arch base --batch best --rounds 1 \
        --warmup 5 --steps 15 --no-compiled
fi
exit $status

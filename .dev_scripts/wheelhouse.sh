#!/bin/sh
# Collect the wheels for a machine that has torch but no package index.
#
#   .dev_scripts/wheelhouse.sh [DIR] [--has NAME ...] [--list]
#
# DIR (default: wheels in the checkout) gets the base tier's wheels for Python
# 3.12 on Linux, x86-64, and mmpretrain, which the benchmarks compare with, in
# the versions of requirements/constraints.txt. Left out are torch, torchvision and what
# the machine has beside them: large packages that usually are there; name
# others behind --has, or none to take all along. --list prints the packages
# and fetches nothing. It asks the packages in .venv what they need (`make
# base`), or in the environment of $PYTHON. At last it says what to run there:
# the checkout and DIR are all that has to be carried along. Wheels of
# a run before are removed from DIR; one that has others is refused.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)

version=3.12
dir=$checkout/wheels
list=
case ${1-} in
-h | --help)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0"
    exit 0
    ;;
--*) ;;
?*)
    dir=$1
    shift
    ;;
esac
for argument; do
    shift
    if [ "$argument" = --list ]; then
        list=yes
    else
        set -- "$@" "$argument"
    fi
done

case $dir in
/*) ;;
*) dir=$PWD/$dir ;;
esac
# Whose wheels these are, and may be removed.
marker=$dir/.wheelhouse
if [ -z "$list" ] && [ ! -e "$marker" ]; then
    for wheel in "$dir"/*.whl; do
        [ -e "$wheel" ] || continue
        echo "error: $dir has wheels of others ($(basename "$wheel")), which" \
            "would be removed; name a new folder" >&2
        exit 2
    done
fi
cd "$checkout"

python=${PYTHON:-.venv/bin/python}
pins=$("$python" .dev_scripts/wheel_pins.py --python "$version" "$@")
if [ -n "$list" ]; then
    echo "$pins"
    exit 0
fi

mkdir -p "$dir"
: >"$marker"
rm -f "$dir"/*.whl
platforms=
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_24 manylinux_2_17 \
    manylinux2014 manylinux_2_12 manylinux2010 manylinux_2_5 manylinux1; do
    platforms="$platforms --platform ${tag}_x86_64"
done
for pin in $pins; do
    # Pip would ask this machine's markers; every need is listed already.
    # shellcheck disable=SC2086 # several options
    "$python" -m pip --disable-pip-version-check download --quiet --no-deps \
        --only-binary=:all: --implementation cp --python-version "$version" \
        $platforms --dest "$dir" "$pin" 2>"$dir/log" && continue
    # Some publish only their source: good if that is Python alone.
    "$python" -m pip --disable-pip-version-check wheel --quiet --no-deps \
        --wheel-dir "$dir" "$pin" >>"$dir/log" 2>&1 || {
        cat "$dir/log" >&2
        echo "error: there is no wheel of $pin for Python $version" >&2
        exit 1
    }
done
rm -f "$dir/log"
for wheel in "$dir"/*.whl; do
    case $wheel in
    *-none-any.whl | *-cp312-*x86_64.whl | *-abi3-*x86_64.whl) ;;
    *)
        echo "error: $wheel is not for Python $version on x86-64" >&2
        exit 1
        ;;
    esac
done

# As it is called in the root of the checkout.
dir=${dir#"$checkout"/}
echo "$(ls "$dir"/*.whl | wc -l) wheels in $dir, $(du -sk "$dir" | cut -f1) KiB"
cat <<END
On that machine, in the root of the checkout (its .git need not come along):

python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir \\
    --upgrade --target $dir/site $dir/*.whl &&
    PYTHONPATH=$dir/site sh benchmarks/gpu_rows.sh 1

and then the same with 2 for the other half of the rows.
END

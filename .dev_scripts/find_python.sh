#!/bin/sh
# Print the first Python 3.10 to 3.12 that really runs: $PYTHON, or the first
# of the usual names. A pyenv shim may stand on the path and fail when called,
# and Debian's python3 may lack venv: so each candidate has to prove itself.
# One that has its headers is preferred, because mmcv's ops need them.
USABLE='import sys, venv, ensurepip
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))'
HEADERS='import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'

if [ -n "$PYTHON" ]; then
    if "$PYTHON" -c "$USABLE" >/dev/null 2>&1; then
        echo "$PYTHON"
        exit 0
    fi
    echo "PYTHON=$PYTHON does not run as Python 3.10 to 3.12 with venv" >&2
    exit 1
fi

fallback=
for name in python3.11 python3.12 python3.10 python3; do
    rest=$PATH:
    while [ -n "$rest" ]; do
        candidate=${rest%%:*}/$name
        rest=${rest#*:}
        [ -x "$candidate" ] || continue
        "$candidate" -c "$USABLE" >/dev/null 2>&1 || continue
        if "$candidate" -c "$HEADERS" >/dev/null 2>&1; then
            echo "$candidate"
            exit 0
        fi
        fallback=${fallback:-$candidate}
    done
done
if [ -n "$fallback" ]; then
    echo "$fallback"
    exit 0
fi
echo 'no Python 3.10 to 3.12 with venv runs here; install one (on Debian:' \
    'python3-venv) or name it: make PYTHON=/path/to/python3.11 ...' >&2
exit 1

#!/bin/sh
# Makes .venv with everything pinned in requirements-dev.txt. Needs Python 3.11 or later; uses uv when it is there.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.installed
wanted=$(cat requirements.txt requirements-dev.txt | cksum)
if [ -x .venv/bin/python ] && [ "$(cat $stamp 2>/dev/null || true)" = "$wanted" ]; then
    exit 0
fi

python=
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info)' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "setup: Python 3.11 or later is needed and was not found (set PYTHON to its path)." >&2
    exit 1
fi

if command -v uv >/dev/null 2>&1; then
    [ -x .venv/bin/python ] || uv venv --quiet --python "$(command -v "$python")" .venv
    uv pip install --quiet --python .venv/bin/python -r requirements-dev.txt
else
    if [ ! -x .venv/bin/python ]; then
        # Debian keeps venv in a package of its own.
        if ! "$python" -c 'import ensurepip' 2>/dev/null; then
            sh scripts/system.sh "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" || true
        fi
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
fi
echo "$wanted" > $stamp

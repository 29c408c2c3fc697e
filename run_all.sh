#!/usr/bin/env bash
# Sets up what is missing, then hands over to `dcase-denoise run` (options: ./run_all.sh --help) or, as ./run_all.sh --test, to the tests.
# What it says itself goes to stderr: stdout is the program's, which may write JSON there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if (( $# == 0 )); then
    cat >&2 <<USAGE
Usage:
  ./run_all.sh --demo                        plain and denoised on made-up machines; needs no data
  ./run_all.sh -d compare --clone-baseline   the same on your development data, in ./baseline/data
  ./run_all.sh -d denoise --baseline DIR     denoised alone, in a checkout that you have; -e: evaluation data
  ./run_all.sh --test                        every test
  ./run_all.sh --help                        every option
USAGE
    exit 2
fi
extra=""
[[ ${1:-} != --test ]] || extra=test

stop() { echo "run_all.sh: $*" >&2; exit 2; }
works_in() { "$1" "$here/dcase_denoise_plugin/commands/environment.py" "$here/setup.cfg" $extra > /dev/null 2>&1; }
find_python() {
    for name in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then echo "$name"; return; fi
    done
    stop "expected Python 3.10 or newer, got none on PATH. Install one, or activate an environment that has one."
}
make_environment() {  # or what an interrupted call left out of it
    local base
    base=$(find_python)
    echo "run_all.sh: makes a virtual environment in $here/.venv" >&2
    "$base" -m venv "$here/.venv" >&2 || stop "expected $base to make a virtual environment, got the error above. Install its venv package."
}

if [[ -n ${VIRTUAL_ENV:-}${CONDA_PREFIX:-} ]] && works_in python3; then
    python=python3
else
    python=$here/.venv/bin/python3
    if ! works_in "$python"; then
        "$python" -m pip --version > /dev/null 2>&1 || make_environment
        echo "run_all.sh: installs the tested packages there; with PyTorch some 5 GB, once" >&2
        "$python" -m pip install --quiet --disable-pip-version-check --constraint "$here/constraints.txt" --editable "$here${extra:+[$extra]}" >&2 ||
            stop "expected pip to install the packages, got the error above. Look at the network and the disk."
    fi
fi

# This checkout's own code runs, whatever the environment has installed.
export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
if [[ $extra == test ]]; then
    # A worker a core, each with one thread: most tests wait for a baseline's process, and more threads than cores make torch crawl.
    OMP_NUM_THREADS=1 exec "$python" -m pytest "$here/tests" --numprocesses auto --dist loadfile "${@:2}"
fi
exec "$python" -m dcase_denoise_plugin run "$@"

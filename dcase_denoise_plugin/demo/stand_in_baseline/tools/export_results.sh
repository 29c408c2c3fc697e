#!/usr/bin/env bash
# Stand-in for the demo and the tests, not the official baseline.
# usage: bash tools/export_results.sh DATASET OUT None -d RESULT_DIR [RESULT_DIR ...]
python3 tools/export_results.py "$@"

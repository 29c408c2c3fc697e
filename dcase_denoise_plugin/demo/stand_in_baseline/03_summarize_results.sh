#!/usr/bin/env bash
# Stand-in for the demo and the tests, not the official baseline.
# usage: bash 03_summarize_results.sh DATASET -d|-e
split=$([ "$2" = "-e" ] && echo eval_data || echo dev_data)
bash tools/export_results.sh "$1" "results/$split/summarize/$1" None -d "results/$split/baseline_MSE" "results/$split/baseline_MAHALA"

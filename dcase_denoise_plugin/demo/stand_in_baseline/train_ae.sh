#!/usr/bin/env bash
# Stand-in for the demo and the tests, not the official baseline.
# usage: bash train_ae.sh DATASET -d|-e SECTION
python3 train.py --dataset="$1" "$2" -tag="id($3_)" --use_ids "$3" --train_only

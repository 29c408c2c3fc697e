#!/usr/bin/env bash
# Stand-in for the demo and the tests, not the official baseline.
# usage: bash test_ae.sh DATASET -d|-e SECTION MSE|MAHALA
python3 train.py --dataset="$1" "$2" -tag="id($3_)" --use_ids "$3" --test_only --score "$4"

#!/usr/bin/env bash
# Stand-in for the demo and the tests, not the official baseline.
# usage: bash 01_train_2025t2.sh -d|-e
bash tools/each_machine.sh "$1" train_ae.sh

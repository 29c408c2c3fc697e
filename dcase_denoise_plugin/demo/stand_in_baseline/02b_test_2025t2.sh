#!/usr/bin/env bash
# Stand-in for the demo and the tests, not the official baseline.
# usage: bash 02b_test_2025t2.sh -d|-e
bash tools/each_machine.sh "$1" test_ae.sh MAHALA

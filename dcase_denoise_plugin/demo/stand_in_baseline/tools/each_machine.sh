#!/usr/bin/env bash
# Stand-in for the demo and the tests, not the official baseline.
# usage: bash tools/each_machine.sh -d|-e SCRIPT [ARGUMENT ...]
# Calls SCRIPT DCASE2025T2<machine type> -d|-e 0 [ARGUMENT ...] for every machine type; goes on after a failure and fails at the end.
split=$1 script=$2
case "$split" in
    -d) table=datasets/machine_type_2025_dev.yaml ;;
    -e) table=datasets/machine_type_2025_eval.yaml ;;
    *) echo "usage: $0 -d|-e SCRIPT [ARGUMENT ...]" >&2; exit 2 ;;
esac
failed=0
for machine in $(sed -n 's/^    \([A-Za-z]*\):.*/\1/p' "$table"); do
    bash "$script" "DCASE2025T2$machine" "$split" 0 "${@:3}" || failed=1
done
exit $failed

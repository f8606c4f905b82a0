#!/bin/sh
# fuzz.sh NAME: run one libFuzzer harness for FUZZ_SECONDS. New inputs stay in the build folder, the
# corpus in the tree is only read. Keeps the input of a crash where it says.
set -u
name=$1
binary=$BUILD/fuzz/$name
seeds=tests/fuzz/corpus/$name
dict=tests/fuzz/$name.dict
found=$BUILD/fuzz/corpus/$name
crashes=$BUILD/fuzz/crashes/$name
log=$BUILD/fuzz/$name.log

mkdir -p "$found" "$crashes"
set -- -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	-artifact_prefix="$crashes/"
[ ! -f "$dict" ] || set -- "$@" -dict="$dict"
set -- "$@" "$found"
[ ! -d "$seeds" ] || set -- "$@" "$seeds"

if "$binary" "$@" >"$log" 2>&1; then
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	echo "fuzz $name: ${runs:-0} inputs in ${FUZZ_SECONDS:-60} s, no crash"
	echo "fuzz: 1 passed, 0 failed"
	[ "${runs:-0}" -gt 0 ]
else
	tail -n 60 "$log"
	echo "fuzz $name: failed, inputs in $crashes, log in $log"
	echo "fuzz: 0 passed, 1 failed"
	exit 1
fi

#!/bin/sh
# What `snag why --json` costs on idle trees, beside the tools people use today, in one run.
#
#   tests/bench/run.sh [quick|stacks|python|grove]      BUILD=build
#
# Ratios are against the first row of each table, round by round: a noisy machine is noisy for all.
set -eu

BUILD=${BUILD:-build}
mode=${1:-full}
bench=$(dirname "$0")
[ "$mode" != python ] || exec "$bench/python.sh"
[ "$mode" != grove ] || exec "$BUILD/grove-bench" 7
# shellcheck source=tests/bench/common.sh
. "$bench/common.sh"

descendants() {
	# every process of the tree, for tools that take a list of pids
	ps -e -o pid=,ppid= | awk -v root="$1" '
		{ parent[$1] = $2 }
		END {
			for (p in parent) {
				for (q = p; q && q != root && q != 1; q = parent[q]) ;
				if (q == root) print p
			}
		}'
}

# start_tree PROCESSES THREADS FDS: $root is its root, which is not the process that was started.
start_tree() {
	start_target "$BUILD/bench/tree" "$@"
	root=$pids
}

# measure TITLE PROCESSES THREADS FDS
measure() {
	header "$1"
	start_tree "$2" "$3" "$4"
	n=$2
	rounds=$runs
	[ "$n" -lt 5000 ] || rounds=3
	set -- "$rounds"
	if [ "$(id -u)" = 0 ]; then
		set -- "$@" "snag why (bpf)" "$snag why $root --json --reader bpf"
	fi
	set -- "$@" "snag why (procfs)" "$snag why $root --json --reader procfs"
	"$BUILD/bench/timer" "$@"
	if [ "$n" -ge 5000 ]; then
		end_target
		return
	fi
	# the others are far slower: fewer rounds, and only where they end within a minute
	pids=$(descendants "$root")
	set -- 3 "snag why --json" "$snag why $root --json"
	list=$(echo "$pids" | tr '\n' ' ')
	if have lsof; then
		commas=$(echo "$pids" | tr '\n' ',' | sed 's/,$//')
		set -- "$@" "lsof +E" "lsof +E -n -P -p $commas"
	fi
	if have eu-stack && [ "$n" -le 300 ]; then
		set -- "$@" "eu-stack, each" "for p in $list; do eu-stack -p \$p; done"
	fi
	if have gdb && [ "$n" -le 10 ]; then
		set -- "$@" "gdb -batch, each" \
			"for p in $list; do gdb -batch -p \$p -ex 'thread apply all bt'; done"
	fi
	"$BUILD/bench/timer" "$@"
	end_target
}

# ---- stacks ----

# start_python COUNT THREADS: $pids are COUNT idle interpreters of so many threads each.
start_python() {
	rm -f "$work/in" "$work/ready"
	mkfifo "$work/in"
	: >"$work/ready"
	pids=
	python=$(python3 -c 'import sys; print(sys.executable)')
	for _ in $(seq "$1"); do
		"$python" -c '
import os, sys, threading
lock = threading.Lock()
lock.acquire()
def deep(n, f):
    return deep(n - 1, f) if n else f()
for i in range(int(sys.argv[1]) - 1):
    threading.Thread(target=deep, args=(10, lock.acquire), daemon=True).start()
os.write(1, b".")
deep(10, lambda: os.read(0, 1))
' "$2" <"$work/in" >>"$work/ready" &
		pids="$pids $!"
	done
	exec 9>"$work/in"
	while [ "$(wc -c <"$work/ready")" -lt "$1" ]; do sleep 0.05; done
}

end_python() {
	exec 9>&-
	# shellcheck disable=SC2086 # a list
	wait $pids 2>/dev/null || true
	pids=
}

# measure_stacks TITLE PIDS: eu-stack and gdb stop what they look at, so they look at a few only.
measure_stacks() {
	printf '\n### %s\n\n' "$1"
	tools=10
	have eu-stack && have gdb || tools=0
	# shellcheck disable=SC2086 # a list
	"$BUILD/bench/stacks" -t "$tools" $2
}

all_stacks() {
	start_tree 1 50 30
	measure_stacks 'stacks of 1 process x 50 threads' "$root"
	end_target
	start_tree 1000 1 30
	measure_stacks 'stacks of 1,000 processes' "$(descendants "$root" | tr '\n' ' ')"
	end_target
	have python3 || return 0
	start_python 100 1
	measure_stacks 'stacks of 100 CPython processes' "$pids"
	end_python
	start_python 1 15
	header 'one CPython of 15 threads, whole commands'
	set -- "$runs"
	for reader in bpf procfs; do
		[ $reader = procfs ] || [ "$(id -u)" = 0 ] || continue
		set -- "$@" "snag stacks ($reader)" "$snag stacks $pids --reader $reader" \
			"snag why --stacks ($reader)" "$snag why $pids --stacks --reader $reader"
	done
	"$BUILD/bench/timer" "$@"
	end_python
}

echo "# snag bench: $(uname -r), $(nproc) CPUs, $(date -u +%Y-%m-%d)"
if [ "$mode" = stacks ]; then
	all_stacks
	exit 0
fi
measure '10 processes x 30 fds' 10 1 30
measure '100 processes x 30 fds' 100 1 30
measure '300 processes x 30 fds' 300 1 30
if [ "$mode" = full ]; then
	measure '1,000 processes x 30 fds' 1000 1 30
	measure '5,000 processes x 30 fds' 5000 1 30
	measure '10 processes x 1,000 threads' 10 1000 30
fi
[ "$mode" = quick ] || all_stacks
if [ -x "$BUILD/grove-bench" ]; then
	"$BUILD/grove-bench" "$([ "$mode" = full ] && echo 7 || echo 3)"
fi

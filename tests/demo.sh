#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A really hung tree of ordinary programs, explained: what `make demo` runs.
#
# A shell waits for a pipeline. Its first command is a Python parent that starts seq with its stdout
# in a pipe and waits for its exit before it reads: the pipe is full after 64 KiB, seq can never
# end, the parent never reads.
set -eu

snag=${SNAG:-${BUILD:-$(dirname "$0")/../build}/snag}
limit=200 # polls of 50 ms

[ -x "$snag" ] || {
	echo "demo: $snag is not built" >&2
	exit 1
}

descendants() {
	# shellcheck disable=SC2013 # words, not lines
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		echo "$child"
		descendants "$child"
	done
}

# The command name of each process, and whom it belongs to.
show() {
	for pid in $root $(descendants "$root"); do
		printf '%s%s(%s)' "${sep:-}" "$(cat /proc/"$pid"/comm)" "$pid"
		sep='  '
	done
	echo
}

root=
cleanup() {
	[ -n "$root" ] || return 0
	# shellcheck disable=SC2046 # a list of pids on purpose
	kill -KILL $(descendants "$root") "$root" 2>/dev/null || true
	wait "$root" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

setsid sh -c '
	python3 -c "
import subprocess
report = subprocess.Popen([\"seq\", \"1\", \"100000\"], stdout=subprocess.PIPE)
report.wait()
print(sum(map(int, report.stdout)))
" | sort | tail -n 1
' </dev/null &
root=$!

# The pid of seq once it is blocked in write(2), system call 1.
blocked_writer() {
	for pid in $(descendants "$root"); do
		case $(cat /proc/"$pid"/comm 2>/dev/null) in
		seq) ;;
		*) continue ;;
		esac
		case $(cat /proc/"$pid"/syscall 2>/dev/null) in
		'1 '*) echo "$pid" ;;
		esac
	done
}

until [ -n "$(blocked_writer)" ]; do
	limit=$((limit - 1))
	[ "$limit" -gt 0 ] || {
		echo "demo: the tree did not hang within 10 s" >&2
		exit 1
	}
	sleep 0.05
done

printf 'The tree that hangs: '
show
echo "$ snag why $root"
"$snag" why "$root"

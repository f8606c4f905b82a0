#!/bin/sh
# What it costs to see where a Python program is: snag beside every dumper that is installed.
#
#   tests/bench/python.sh      BUILD=build      RUNS=7
#
# "still ms" is the time for which the worst thread of the target was kept from its own wait,
# "threads" how many were: counted with BPF, as root. Debian's interpreter is looked at, for gdb
# needs the debug symbols of it (python3-dbg), and there is trio for it.
# shellcheck disable=SC2016 # $p is expanded by the shell that runs a command
set -eu

BUILD=${BUILD:-build}
bench=$(dirname "$0")
# shellcheck source=tests/bench/common.sh
. "$bench/common.sh"
"$bench/../lib/deps.sh" bench
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
a_call=target.py # what every dumper must show

# each COMMAND: for every process, $p in the command.
each() { echo "for p in $pids; do $1; done"; }

timed() { "$BUILD/bench/timer" -w "$commas" "$@"; }

# The rows that do not stop anybody.
snag_rows() {
	set -- "$runs"
	if [ "$(id -u)" = 0 ]; then
		set -- "$@" "snag why --json (bpf)" "$snag why $target --json --reader bpf" \
			"snag stacks (bpf)" "$snag stacks $target --reader bpf"
	fi
	timed "$@" "snag why --json (procfs)" "$snag why $target --json --reader procfs" \
		"snag stacks (procfs)" "$snag stacks $target --reader procfs"
}

# Old ones cannot read new interpreters: $austin_why is what it says then.
try_austin() {
	austin_why=
	have austin || return 0
	timeout 10 austin -i 1000 -p "$target" >"$work/austin" 2>&1 &
	austin_pid=$!
	for _ in $(seq 50); do
		! grep -q "$a_call" "$work/austin" || break
		kill -0 $austin_pid 2>/dev/null || break
		sleep 0.1
	done
	kill $austin_pid 2>/dev/null || true
	wait $austin_pid 2>/dev/null || true
	grep -q "$a_call" "$work/austin" ||
		austin_why="$(austin --version | head -n 1) shows no calls of it, but: $(
			head -n 1 "$work/austin")"
}

# other_rows ROUNDS: ratios are against snag.
other_rows() {
	set -- "$1" "snag stacks" "$snag stacks $target" \
		"faulthandler, by signal" "kill -USR1 $pids"
	! have py-spy || set -- "$@" "py-spy dump" "$(each 'py-spy dump --pid $p')" \
		"py-spy dump --nonblocking" "$(each 'py-spy dump --nonblocking --pid $p')"
	! have pystack || set -- "$@" "pystack remote" "$(each 'pystack remote $p')"
	# Before 3.3 it has no --where and samples until it is told to end: until the first sample.
	if have austin && austin --help | grep -q -e '--where'; then
		set -- "$@" "austin --where" "$(each 'austin --where $p')"
	elif have austin && [ -z "$austin_why" ]; then
		set -- "$@" "austin" "$(each "timeout 10 austin -i 1000 -p \$p | grep -q $a_call")"
	fi
	if "$python" -m asyncio ps --help 2>&1 | grep -q PID; then
		set -- "$@" "python -m asyncio ps" "$(each "$python -m asyncio ps \$p")" \
			"python -m asyncio pstree" "$(each "$python -m asyncio pstree \$p")"
	fi
	if have gdb; then
		# py-bt is of the interpreter's debug symbols, Debian has them in python3-dbg
		set -- "$@" "gdb, thread apply all py-bt" "$(each 'gdb -nx -batch -p $p \
			-ex "set debuginfod enabled off" -ex "thread apply all py-bt" 2>&1 |
			grep -q "Traceback (most"')"
	fi
	timed "$@"
}

# measure TITLE KIND COUNT ROUNDS
measure() {
	start_target "$python" "$bench/target.py" "$2" "$3"
	commas=$(echo "$pids" | tr ' ' ',')
	header "$1" watched
	snag_rows
	try_austin
	other_rows "$4"
	[ -z "$austin_why" ] || printf '\n%s\n' "$austin_why"
	end_target
}

echo "# snag bench: $("$python" -VV), $(uname -r), $(nproc) CPUs, $(date -u +%Y-%m-%d)"
measure '1 process of 1 thread' threads 1 3
measure '1 process of 50 threads' threads 50 3
measure '51 processes' processes 50 1
measure '1,000 asyncio tasks' asyncio 1000 3
if "$python" -c 'import trio' 2>/dev/null; then
	measure '1,000 trio tasks' trio 1000 3
else
	printf '\n### 1,000 trio tasks: %s has no trio\n' "$python"
fi

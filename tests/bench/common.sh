# shellcheck shell=sh disable=SC2034 # those who include it use them
# What run.sh and python.sh share. Needs $BUILD.

snag=$BUILD/snag
runs=${RUNS:-7}
work=$(mktemp -d)
target=
trap 'end_target; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# start_target COMMAND ..: it runs as $target until its input ends. Once it is up it has printed a
# line of pids: they are $pids.
start_target() {
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in"
	: >"$work/out"
	"$@" <"$work/in" >"$work/out" &
	target=$!
	exec 9>"$work/in"
	pids=
	while [ -z "$pids" ]; do
		kill -0 "$target"
		read -r pids <"$work/out" || sleep 0.05
	done
}

end_target() {
	[ -z "$target" ] || exec 9>&-
	[ -z "$target" ] || wait "$target" 2>/dev/null || true
	target=
}

have() { command -v "$1" >/dev/null 2>&1; }

# header TITLE [more]: the first lines of a table of bench/timer, with -w two columns more
header() {
	printf '\n### %s\n\n' "$1"
	format='| %-28s | %9s | %9s | %9s | %7s | %7s |'
	# shellcheck disable=SC2059 # a table has one format
	printf "$format" command 'wall ms' 'least ms' 'cpu ms' 'peak MB' ratio
	[ -z "${2:-}" ] || printf ' %9s | %7s |' 'still ms' 'threads'
	printf '\n| --- | --- | --- | --- | --- | --- |%s\n' "${2:+ --- | --- |}"
}

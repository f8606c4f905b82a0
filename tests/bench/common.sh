# shellcheck shell=sh disable=SC2034 # those who include it use them
# What run.sh and python.sh share. Needs $BUILD.

snag=$BUILD/snag
runs=${RUNS:-7}

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

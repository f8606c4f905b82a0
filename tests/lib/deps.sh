#!/bin/sh
# Install the Debian packages that building, testing and linting need: see docs/DEPENDENCIES.md.
# Quick and silent when nothing is missing, one clear line when it cannot help.
set -eu

build="gcc make pkg-config libc6-dev linux-libc-dev
	libbpf-dev libelf-dev zlib1g-dev libsqlite3-dev libjansson-dev
	clang-14 clang llvm-14 llvm bpftool"
tests="libcriterion-dev libclang-rt-14-dev python3 musl-tools
	socat git sqlite3 nginx-light redis-server postgresql-15 fuse3 libfuse3-dev
	util-linux findutils procps iproute2 lsof elfutils gdb"
lint="clang-format clang-tidy cppcheck universal-ctags"

missing() {
	# shellcheck disable=SC2086 # a list on purpose
	dpkg-query -W -f '${Package} ${db:Status-Status}\n' $build $tests $lint 2>/dev/null |
		awk -v want="$build $tests $lint" '
			$2 == "installed" { have[$1] = 1 }
			END {
				n = split(want, list)
				for (i = 1; i <= n; i++)
					if (!(list[i] in have))
						printf "%s ", list[i]
			}'
}

fail() {
	echo "deps: $1; install by hand: $need" >&2
	exit 1
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps: not a Debian system; docs/DEPENDENCIES.md says what is needed" >&2
	exit 0
fi
need=$(missing)
[ -n "$need" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	sudo -n true 2>/dev/null || fail "not root, and no sudo without a password"
	sudo="sudo -n"
fi

# nginx, redis and postgres are test material: their services must not start now and hold a port.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$sudo rm -f $policy' EXIT
	trap 'exit 130' INT TERM
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod 755 $policy
fi

echo "deps: installing $need"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y --no-install-recommends $need; } >"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	rm -f "$log"
	fail "apt-get failed (its last lines are above)"
fi
rm -f "$log"
need=$(missing)
[ -z "$need" ] || fail "still missing after apt-get"

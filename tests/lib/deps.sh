#!/bin/sh
# deps.sh [demo|bench|vm]: install the Debian packages that building, testing and linting need, for
# a demo only those that it needs, for a bench also what snag is measured beside, for another kernel
# also what boots it. docs/DEPENDENCIES.md says why. Quick and silent when nothing is missing, one
# clear line when it cannot help. Fails only when snag or its unit tests could not be built.
set -eu

build="gcc make pkg-config libc6-dev linux-libc-dev
	libbpf-dev libelf-dev zlib1g-dev libsqlite3-dev libjansson-dev
	libdw-dev liblzma-dev libunwind-dev libiberty-dev
	clang-14 clang llvm-14 llvm bpftool libcriterion-dev libmsgpack-dev systemtap-sdt-dev"
tests="libclang-rt-14-dev python3 musl-tools g++
	python3-trio python3-pytest python3-pytest-xdist
	socat git sqlite3 nginx-light redis-server postgresql-15 fuse3 libfuse3-dev
	util-linux mount e2fsprogs findutils procps iproute2 lsof elfutils gdb valgrind"
lint="clang-format clang-tidy cppcheck universal-ctags"
bench="austin python3-dbg"
vm="qemu-system-x86 busybox-static kmod cpio"

all="$build $tests $lint"
[ "${1:-}" != demo ] || all="$build python3"
[ "${1:-}" != bench ] || all="$all $bench"
[ "${1:-}" != vm ] || all="$all $vm"

# missing PACKAGE..: those that are not installed
missing() {
	dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
		awk -v want="$*" '
			$2 == "installed" { have[$1] = 1 }
			END {
				n = split(want, list)
				for (i = 1; i <= n; i++)
					if (!(list[i] in have))
						printf "%s ", list[i]
			}'
}

# What follows the line of why: a program that cannot be built, or tests that will be skipped.
fail() {
	# shellcheck disable=SC2086
	if [ -n "$(missing $build)" ]; then
		echo "deps: $1; install by hand: $need" >&2
		exit 1
	fi
	echo "deps: $1; tests and checks go without: $need" >&2
	exit 0
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps: not a Debian system; docs/DEPENDENCIES.md says what is needed" >&2
	exit 0
fi
# shellcheck disable=SC2086 # lists on purpose
need=$(missing $all)
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
# shellcheck disable=SC2086
if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $need; } \
	>"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	rm -f "$log"
	fail "apt-get failed (its last lines are above)"
fi
rm -f "$log"
# shellcheck disable=SC2086
need=$(missing $all)
[ -z "$need" ] || fail "still missing after apt-get"

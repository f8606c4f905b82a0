#!/bin/sh
# boot.sh BUILD GLOB ..: scenarios on another kernel, in a machine that qemu emulates. Its root is
# ours, read-only, with memory on top of it. KERNEL is a package of a kernel with its modules, or a
# folder in which one is unpacked; by default the kernel of Debian's stable release. KVM is not
# asked for: where it does not work, it hangs.
set -eu

build=$1
shift
vm=$build/vm
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$vm"

unpack() {
	[ ! -d "$vm/$1" ] || return 0
	echo "vm: fetching $1"
	(cd "$vm" && apt-get download "$1" >/dev/null 2>log && dpkg-deb -x "$1"_*.deb "$1.new" &&
		rm -f "$1"_*.deb && mv "$1.new" "$1") || { cat "$vm/log" >&2; exit 1; }
}

stable=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p')
kernel=${KERNEL:-$stable}
if [ -d "$kernel" ]; then
	root=$kernel
else
	unpack "$kernel"
	root=$vm/$kernel
fi
image=$(find "$root/boot" -name 'vmlinuz-*' | sort | tail -n 1)
version=${image##*/vmlinuz-}
depmod -b "$root" "$version"

# The first programs: a shell, and the modules that it takes to see our root.
first=$vm/first
rm -rf "$first"
mkdir -p "$first/bin" "$first/lib" "$first/proc" "$first/sys" "$first/dev" "$first/host" \
	"$first/memory" "$first/tree"
cp "$(command -v busybox)" "$first/bin/"
for module in virtio_pci 9p 9pnet_virtio overlay; do
	modprobe -d "$root" -S "$version" --show-depends $module
done | awk '$1 == "insmod" && !had[$2]++ { print $2 }' | while read -r file; do
	cp "$file" "$first/lib/"
	echo "${file##*/}" >>"$first/modules"
done
cp "$here/init" "$first/init"
{
	echo "modules=$root/lib/modules"
	echo "build=$build"
	echo "src=$(pwd)"
	echo "globs='$*'"
} >"$first/vars"
(cd "$first" && find . | cpio -o -H newc 2>/dev/null) >"$vm/first.cpio"

echo "vm: booting $version"
timeout "${VM_SECONDS:-1800}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 3072 -smp 2 \
	-nographic -no-reboot -kernel "$image" -initrd "$vm/first.cpio" \
	-append "console=ttyS0 quiet panic=-1" \
	-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
	</dev/null 2>&1 | tr -d '\r' | sed -n '/vm: up/,$p' | tee "$vm/console"
rc=$(sed -n 's/^vm: exit //p' "$vm/console")
exit "${rc:-1}"

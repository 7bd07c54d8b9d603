#!/bin/sh
# Puts qemu's user mode emulators out of this Debian's or Ubuntu's own package into DIR/bin, and installs nothing.
# usage: install.sh DIR
set -eu
mkdir -p "$1/package" "$1/bin"
cd "$1/package"
apt-get download -q qemu-user-static
dpkg-deb -x qemu-user-static_*.deb .
for arch in aarch64 s390x; do
	cp -L "usr/bin/qemu-$arch-static" ../bin/
done
cd ..
rm -r package

#!/bin/sh
# Runs the tests that Windows has of its own, and the program itself, under Wine, in a Debian of its own and
# without a network but loopback. usage: run.sh DEBIAN [PACKAGE[:TAG]...]; needs root.
set -eu
debian=$1; shift
[ $# -gt 0 ] || set -- ./internal/child ./internal/mfa ./internal/safefile
bin=$debian/sts-helper-tests
rm -rf "$bin"; mkdir -p "$bin" "$debian/src"
for pkg; do
	name=$(echo "${pkg#./}" | tr / -) # two packages may end alike
	tags=${pkg#"${pkg%%:*}"} # of PACKAGE:TAG
	GOOS=windows CGO_ENABLED=0 ${GO:-go} test -c -tags "${tags#:}" -o "$bin/$name.exe" "${pkg%%:*}"
done
GOOS=windows CGO_ENABLED=0 ${GO:-go} build -trimpath -tags=nethttpomithttp2 -o "$bin/sts-helper/sts-helper.exe" ./cmd/sts-helper
CGO_ENABLED=0 ${GO:-go} test -c -o "$bin/systems" ./integration/e2e/systems
# What is mounted, started and left behind in there goes with the namespaces.
export debian packages="$*"
exec unshare --mount --pid --net --fork --kill-child sh -eu -c '
	ip link set lo up
	mount -t proc proc "$debian/proc"
	mount --rbind /dev "$debian/dev"
	mount --bind . "$debian/src"
	mount -t tmpfs tmpfs "$debian/tmp"
	cp integration/wine/inside.sh "$debian/tmp/"
	exec chroot "$debian" env -i HOME=/root PATH=/usr/lib/wine:/usr/bin:/bin WINEPATH="C:\\windows\\system32" WINEDEBUG=-all \
		XDG_RUNTIME_DIR=/tmp packages="$packages" DISPLAY=:77 sh -eu /tmp/inside.sh'

#!/bin/sh
# Runs the tests of Windows, and the table of commands with the program for Windows, under Wine, in a Debian of its own
# and without a network but loopback. Which packages is in the file packages, or said: usage: run.sh DEBIAN
# [PACKAGE[:TAG]...]; needs root. STS_HELPER_WINE_RUN picks from the table of commands, as -test.run does.
set -eu
debian=$1; shift
here=$(dirname "$0")
list=$(grep -v '^#' "$here/packages")
[ $# = 0 ] || list=$(for pkg; do echo "$pkg"; done)
bin=$debian/sts-helper-tests
rm -rf "$bin"; mkdir -p "$bin/sts-helper" "$debian/src"
echo "$list" | while read -r pkg _; do
	name=$(echo "${pkg#./}" | tr / -) # two packages may end alike
	tags=${pkg#"${pkg%%:*}"}
	GOOS=windows CGO_ENABLED=0 ${GO:-go} test -c -tags "${tags#:}" -o "$bin/$name.exe" "${pkg%%:*}"
done
GOOS=windows CGO_ENABLED=0 ${GO:-go} build -trimpath -tags=nethttpomithttp2 -o "$bin/sts-helper/sts-helper.exe" ./cmd/sts-helper
GOOS=windows CGO_ENABLED=0 ${GO:-go} build -trimpath -tags=nethttpomithttp2,peercheck -o "$bin/sts-helper/peercheck.exe" ./cmd/sts-helper
# The AWS CLI's place is taken by a program of the Go SDK that asks who it is.
GOOS=windows CGO_ENABLED=0 ${GO:-go} build -trimpath -o "$bin/sts-helper/aws.exe" ./integration/cmd/whoami
CGO_ENABLED=0 ${GO:-go} test -c -o "$bin/systems" ./integration/e2e/systems
echo "$list" >"$bin/packages"
# What is mounted, started and left behind in there goes with the namespaces.
export debian here run="${STS_HELPER_WINE_RUN:-.}"
exec unshare --mount --pid --net --fork --kill-child sh -eu -c '
	ip link set lo up
	mount -t proc proc "$debian/proc"
	mount --rbind /dev "$debian/dev"
	mount --bind . "$debian/src"
	mount -t tmpfs tmpfs "$debian/tmp"
	cp "$here/inside.sh" "$debian/tmp/"
	exec chroot "$debian" env -i HOME=/root PATH=/usr/lib/wine:/usr/bin:/bin WINEPATH="C:\\windows\\system32" WINEDEBUG=-all \
		XDG_RUNTIME_DIR=/tmp run="$run" DISPLAY=:77 sh -eu /tmp/inside.sh'

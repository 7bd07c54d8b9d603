#!/bin/sh
# Installs a release of sts-helper for one user, after comparing it with the release's checksums:
#   install.sh [PREFIX]       (PREFIX is ~/.local if you do not say)
# STS_HELPER_RELEASE names a release (v0.1.0) or the URL of a folder that has its files.
set -eu
fail() { echo "install.sh: $*" >&2; exit 1; }

prefix=${1:-$HOME/.local}
case $(uname -s) in
Linux) system=linux ;;
Darwin) system=darwin ;;
FreeBSD) system=freebsd ;;
*) fail "there is no archive for $(uname -s); build it: CGO_ENABLED=0 go install github.com/sts-helper/sts-helper/cmd/sts-helper@latest" ;;
esac
case $(uname -m) in
x86_64 | amd64) machine=amd64 ;;
aarch64 | arm64) machine=arm64 ;;
*) fail "there is no archive for $(uname -m); build it: CGO_ENABLED=0 go install github.com/sts-helper/sts-helper/cmd/sts-helper@latest" ;;
esac

releases=https://github.com/sts-helper/sts-helper/releases
case ${STS_HELPER_RELEASE:-} in
"") url=$releases/latest/download ;;
http*) url=$STS_HELPER_RELEASE ;;
*) url=$releases/download/$STS_HELPER_RELEASE ;;
esac

if command -v curl >/dev/null; then
	fetch() { curl -fsSL --retry 2 -o "$2" "$1"; }
elif command -v wget >/dev/null; then
	fetch() { wget -q -O "$2" "$1"; }
elif command -v fetch >/dev/null; then # FreeBSD's
	fetch() { command fetch -q -o "$2" "$1"; }
else
	fail "neither curl nor wget is there"
fi
if command -v sha256sum >/dev/null; then
	sum() { sha256sum "$1"; }
elif command -v shasum >/dev/null; then # macOS's
	sum() { shasum -a 256 "$1"; }
elif command -v sha256 >/dev/null; then # FreeBSD's
	sum() { sha256 -q "$1"; }
else
	fail "neither sha256sum nor shasum is there, and nothing is installed unchecked"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch "$url/checksums.txt" "$work/checksums.txt" || fail "$url/checksums.txt could not be fetched"
archive=$(sed -n "s/^[0-9a-f]*  \(sts-helper_[^ ]*_${system}_$machine\.tar\.gz\)\$/\1/p" "$work/checksums.txt")
[ "$archive" ] || fail "the release has no archive for $system/$machine"
fetch "$url/$archive" "$work/$archive" || fail "$url/$archive could not be fetched"
want=$(sed -n "s/^\([0-9a-f]\{64\}\)  $archive\$/\1/p" "$work/checksums.txt")
got=$(sum "$work/$archive" | cut -d' ' -f1)
[ "$want" ] && [ "$got" = "$want" ] || fail "$archive has the checksum $got, and the release says $want; nothing was installed"

tar -xzf "$work/$archive" -C "$work"
# put MODE FILE PLACE: by cp and chmod, for not every busybox has install.
put() {
	mkdir -p "$(dirname "$prefix/$3")"
	cp "$2" "$prefix/$3"
	chmod "$1" "$prefix/$3"
}
put 755 "$work/sts-helper" bin/sts-helper.new
if ! "$prefix/bin/sts-helper.new" --version >/dev/null; then
	rm -f "$prefix/bin/sts-helper.new"
	fail "the program of $archive does not run here; what was in $prefix/bin is still there"
fi
mv "$prefix/bin/sts-helper.new" "$prefix/bin/sts-helper" # at once, also where it runs
prefix=$(cd "$prefix" && pwd)
for page in "$work"/man/*; do put 644 "$page" "share/man/man1/$(basename "$page")"; done
put 644 "$work/completions/sts-helper.bash" share/bash-completion/completions/sts-helper
put 644 "$work/completions/sts-helper.zsh" share/zsh/site-functions/_sts-helper
put 644 "$work/completions/sts-helper.fish" share/fish/vendor_completions.d/sts-helper.fish
# What starts the server names the program's place, which has to be one that needs no quotes there.
case $system$prefix in
*[!A-Za-z0-9/._+-]*) units= ;;
linux*) units=systemd share=share/systemd/user ;;
darwin*) units=launchd share=share/sts-helper ;;
*) units= ;;
esac
if [ "$units" ]; then
	for unit in "$work/$units"/*; do
		sed "s|/usr/local/bin/|$prefix/bin/|g" "$unit" >"$work/unit"
		put 644 "$work/unit" "$share/$(basename "$unit")"
	done
fi
"$prefix/bin/sts-helper" --version
case :$PATH: in
*:"$prefix/bin":*) echo "next: sts-helper setup" ;;
*) echo "next: put $prefix/bin into PATH, then: sts-helper setup" ;;
esac

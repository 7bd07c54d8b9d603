#!/bin/sh
# Makes what every package has beside the program: prepare.sh STS-HELPER BINDIR INTO
# man pages have to be in bin/man already (make man).
set -eu
program=$1 bindir=$2 into=$3
here=$(dirname "$0")
rm -rf "$into"
mkdir -p "$into/man" "$into/completions" "$into/systemd" "$into/launchd"
for page in "$here"/../bin/man/man1/*.1; do
	gzip -9nc "$page" >"$into/man/$(basename "$page").gz"
done
for shell in bash zsh fish powershell; do
	"$program" completion $shell >"$into/completions/sts-helper.$shell"
done
# The units name the place that the program is installed to.
for unit in "$here"/systemd/sts-helper.* "$here"/launchd/*.plist; do
	sed "s|/usr/local/bin/|$bindir/|g" "$unit" >"$into/$(basename "$(dirname "$unit")")/$(basename "$unit")"
done
"$here/licences.sh" >"$into/THIRD-PARTY-LICENCES"

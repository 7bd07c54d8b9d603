#!/bin/sh
# Dates winget's manifests by the commit, where GoReleaser writes the day of the build: release-date.sh DIST
# SOURCE_DATE_EPOCH, seconds since 1970, takes the place of the commit's time.
set -eu
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$(dirname "$0")" log -1 --format=%ct)}
date=$(date -u -d "@$epoch" +%Y-%m-%d 2>/dev/null || date -u -r "$epoch" +%Y-%m-%d) # GNU's and busybox's, BSD's
for manifest in "$1"/winget/manifests/*/*/*/*/*.installer.yaml; do
	[ -f "$manifest" ] || { echo "no manifest of winget in $1" >&2; exit 1; }
	grep -q '^ReleaseDate: ' "$manifest" || { echo "$manifest has no ReleaseDate" >&2; exit 1; }
	sed "s/^ReleaseDate: .*/ReleaseDate: \"$date\"/" "$manifest" >"$manifest.new"
	mv "$manifest.new" "$manifest"
done

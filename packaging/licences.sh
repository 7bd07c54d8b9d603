#!/bin/sh
# Prints the licences of everything that the program is built of, Go's own library among it.
set -eu
go=${GO:-go}
modules=$(for system in linux darwin windows freebsd; do
	GOOS=$system CGO_ENABLED=0 "$go" list -deps -tags "${TAGS:-}" -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/sts-helper || exit 1
done) # which ends here where go fails: a pipe would not
printf '%s\n' "$modules" | LC_ALL=C sort -u | while read -r module version dir; do
	printf '=== %s %s\n\n' "$module" "$version"
	found=$(find "$dir" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' \) | LC_ALL=C sort)
	for file in $found; do cat "$file"; echo; done
	[ "$found" ] || { echo "no licence of $module in $dir" >&2; exit 1; }
done
printf '=== Go standard library %s\n\n' "$("$go" env GOVERSION)"
cat "$("$go" env GOROOT)/LICENSE"

#!/bin/sh
# Makes the man pages from docs/reference: man.sh GO-MD2MAN VERSION INTO
set -eu
md2man=$1 version=$2 into=$3
reference=$(dirname "$0")/../docs/reference
rm -rf "$into"
mkdir -p "$into/man1"

# page FILE NAME SHORT: a page of the reference with a title and with the NAME section that apropos
# reads. Tables are too wide for a terminal: each row becomes an item. Links become their text.
page() {
	{
		printf '%% %s 1 "" "sts-helper %s"\n\n# NAME\n\n%s - %s\n\n' "$(echo "$2" | tr '[:lower:]' '[:upper:]')" "$version" "$2" "$3"
		awk -F ' [|] ' '
			!body { body = /^-->|^<!--/; next }
			{ while (match($0, /\[[^]]*\]\([^)]*\)/)) {
				text = substr($0, RSTART, RLENGTH); sub(/^\[/, "", text); sub(/\]\(.*/, "", text)
				$0 = substr($0, 1, RSTART - 1) text substr($0, RSTART + RLENGTH) } }
			/^## / { print toupper(substr($0, 2)); next }
			!/^\|/ { print; row = 0; next }
			row++ < 2 { next }  # the heading of a table
			{ sub(/^\| /, ""); sub(/ \|$/, ""); print $1 "\n: " $NF
			  for (i = 2; i < NF; i++) if ($i ~ /[^ ]/) print "  " (i == 2 ? "(" : "or ") $i (i == NF - 1 || $(i + 1) !~ /[^ ]/ ? ")" : "")
			  print "" }' "$1"
	} | "$md2man" >"$into/man1/$2.1"
}

for file in "$reference"/sts-helper*.md; do
	page "$file" "$(basename "$file" .md)" "$(sed -n '5s/\.$//p' "$file")"
done
page "$reference/settings.md" sts-helper-settings "flags, variables and keys of config.toml"
page "$reference/exit-codes.md" sts-helper-exit-codes "how a run of sts-helper ended"

#!/bin/sh
# Installs what "make package-files" made: install-files.sh [--remove] DESTDIR PREFIX
set -eu
remove=
if [ "$1" = --remove ]; then remove=yes; shift; fi
root=$1$2

# put MODE SOURCE TARGET installs a file below the prefix, or removes it.
put() {
	if [ "$remove" ]; then
		rm -f "$root/$3"
	else
		mkdir -p "$(dirname "$root/$3")"
		install -m "$1" "$2" "$root/$3"
	fi
}

package=$BIN/package
put 755 "$BIN/sts-helper" bin/sts-helper
for page in "$package"/man/*; do put 644 "$page" "share/man/man1/$(basename "$page")"; done
put 644 "$package/completions/sts-helper.bash" share/bash-completion/completions/sts-helper
put 644 "$package/completions/sts-helper.zsh" share/zsh/site-functions/_sts-helper
put 644 "$package/completions/sts-helper.fish" share/fish/vendor_completions.d/sts-helper.fish
case $(uname) in
Darwin) put 644 "$package/launchd/com.github.sts-helper.serve.plist" share/sts-helper/com.github.sts-helper.serve.plist ;;
Linux) for unit in "$package"/systemd/*; do put 644 "$unit" "share/systemd/user/$(basename "$unit")"; done ;;
esac
for doc in LICENSE README.md CHANGELOG.md; do put 644 "$doc" "share/doc/sts-helper/$doc"; done
put 644 "$package/THIRD-PARTY-LICENCES" share/doc/sts-helper/THIRD-PARTY-LICENCES

#!/bin/sh
# Builds the container image, without a daemon: build.sh STS-HELPER LICENCES VERSION COMMIT ARCHITECTURE TAG
# The same program, licences and SOURCE_DATE_EPOCH make the same layers. PODMAN is the podman to build with.
set -eu
program=$1 licences=$2 version=$3 commit=$4 arch=$5 tag=$6
here=$(cd "$(dirname "$0")" && pwd)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
umask 022
# /creds is where recipes put the token: a new volume gets its mode, for whichever user the container has.
mkdir -p "$context/root/licences" "$context/home"
mkdir -m 1777 "$context/root/creds"
mkdir -m 700 "$context/home/sts-helper"
install -m 755 "$program" "$context/root/sts-helper"
install -m 644 "$here/../../LICENSE" "$context/root/licences/"
install -m 644 "$licences" "$context/root/licences/THIRD-PARTY-LICENCES"
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
source=https://github.com/sts-helper/sts-helper
# HEALTHCHECK is of docker's format; OCI's has no word for it.
${PODMAN:-podman} build --quiet --format docker --platform "linux/$arch" --timestamp "$epoch" --identity-label=false \
	--label org.opencontainers.image.title=sts-helper \
	--label org.opencontainers.image.description="Short-lived AWS credentials for the containers beside it" \
	--label org.opencontainers.image.licenses=Apache-2.0 \
	--label org.opencontainers.image.source="$source" \
	--label org.opencontainers.image.version="$version" \
	--label org.opencontainers.image.revision="$commit" \
	--tag "$tag" --file "$here/Containerfile" "$context"

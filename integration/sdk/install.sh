#!/usr/bin/env bash
# Installs the SDKs that the conformance tests drive into the folder given: what the lock
# files beside this script name, no more and no less. Each language is left alone while its
# lock file is what it was. A toolchain that is missing is said and passed over: the tests show
# its rows as not run, and fail where CI is set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
failed=0

# install NAME TOOL FILE... runs install_NAME where TOOL is there and the files have changed.
install() {
  local name=$1 tool=$2 stamp=$out/$1.stamp
  shift 2
  if ! command -v "$tool" >/dev/null; then
    echo "sdk-tools: $tool is not installed: nothing for $name"
    return
  fi
  if [ -f "$stamp" ] && (cd "$here" && cat "$@") | cmp -s - "$stamp"; then return; fi
  echo "sdk-tools: installing for $name"
  rm -f "$stamp"
  if ("install_$name"); then
    (cd "$here" && cat "$@") >"$stamp"
  else
    echo "sdk-tools: $name could not be installed" >&2
    failed=1
  fi
}

install_clock() {
  cc -O2 -Wall -Werror -shared -fPIC -o "$out/clock.so" "$here/clock/clock.c"
}

install_python() {
  rm -rf "$out/python"
  python3 -m venv "$out/python" &&
    "$out/python/bin/pip" install -q --disable-pip-version-check --no-deps -r "$here/python/requirements.txt"
}

install_js() {
  mkdir -p "$out/js" &&
    cp "$here"/js/{package.json,package-lock.json,.npmrc,whoami.js,profiles.js} "$out/js/" &&
    cd "$out/js" && npm ci --silent --no-audit --no-fund --ignore-scripts
}

install_minio() {
  cd "$here/minio" && go mod download
}

install_java() {
  rm -rf "$out/java" && mkdir -p "$out/java" &&
    mvn -q -B -f "$here/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$out/java/lib" &&
    javac -d "$out/java" -cp "$out/java/lib/*" "$here"/java/*.java
}

install_rust() {
  CARGO_TARGET_DIR=$out/rust-target cargo build -q --locked --manifest-path "$here/rust/Cargo.toml" &&
    mkdir -p "$out/rust" && cp "$out"/rust-target/debug/{whoami,profiles} "$out/rust/"
}

install clock cc clock/clock.c
install python python3 python/requirements.txt
install js npm js/package-lock.json js/whoami.js js/profiles.js
install minio go minio/go.sum
install java mvn java/pom.xml java/Whoami.java java/Profiles.java
install rust cargo rust/Cargo.lock rust/Cargo.toml rust/src/main.rs rust/src/bin/profiles.rs
exit $failed

#!/usr/bin/env bash
# Installs the SDKs that the conformance tests drive into the folder given: what the lock
# files beside this script name, no more and no less. Each language is left alone while its
# lock file is what it was. A toolchain that is missing is said and passed over: the tests show
# its rows as not run, and fail where CI is set. With "long" as its second argument it installs
# what the nightly lane drives besides.
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

# venv NAME REQUIREMENTS makes a virtual environment of what is named and nothing else.
venv() {
  rm -rf "$out/$1"
  python3 -m venv "$out/$1" &&
    "$out/$1/bin/pip" install -q --disable-pip-version-check --no-deps -r "$here/python/$2"
}

install_python() {
  venv python requirements.txt
}

install_clients() {
  venv clients clients.txt
}

install_clients_long() {
  venv clients-long clients-long.txt &&
    rm -rf "$out/boto3" &&
    "$out/clients-long/bin/pip" install -q --disable-pip-version-check --no-deps -t "$out/boto3" -r "$here/python/boto3.txt"
}

install_js() {
  mkdir -p "$out/js" &&
    cp "$here"/js/{package.json,package-lock.json,.npmrc,whoami.js,profiles.js} "$out/js/" &&
    cd "$out/js" && npm ci --silent --no-audit --no-fund --ignore-scripts
}

install_js2() {
  mkdir -p "$out/js2" &&
    cp "$here"/js2/{package.json,package-lock.json,.npmrc,whoami.js} "$out/js2/" &&
    cd "$out/js2" && npm ci --silent --no-audit --no-fund --ignore-scripts
}

install_minio() {
  cd "$here/minio" && go mod download
}

# The two list more than their programs take: only that is brought.
install_gov1() {
  cd "$here/gov1" && go build -o /dev/null .
}

install_gobase() {
  cd "$here/gobase" && go build -o /dev/null .
}

install_java() {
  rm -rf "$out/java" && mkdir -p "$out/java" &&
    mvn -q -B -f "$here/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$out/java/lib" &&
    javac -d "$out/java" -cp "$out/java/lib/*" "$here"/java/*.java
}

install_javav1() {
  rm -rf "$out/javav1" && mkdir -p "$out/javav1" &&
    mvn -q -B -f "$here/javav1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$out/javav1/lib" &&
    javac -d "$out/javav1" -cp "$out/javav1/lib/*" "$here"/javav1/*.java
}

install_rust() {
  CARGO_TARGET_DIR=$out/rust-target cargo build -q --locked --manifest-path "$here/rust/Cargo.toml" &&
    mkdir -p "$out/rust" && cp "$out"/rust-target/debug/{whoami,profiles} "$out/rust/"
}

install clock cc clock/clock.c
install python python3 python/requirements.txt
install clients python3 python/clients.txt
install js2 npm js2/package-lock.json js2/whoami.js
install gov1 go gov1/go.sum
install gobase go gobase/go.sum
install javav1 mvn javav1/pom.xml javav1/Whoami.java
if [ "${2:-}" = long ]; then
  install clients_long python3 python/clients-long.txt python/boto3.txt
fi
install js npm js/package-lock.json js/whoami.js js/profiles.js
install minio go minio/go.sum
install java mvn java/pom.xml java/Whoami.java java/Profiles.java
install rust cargo rust/Cargo.lock rust/Cargo.toml rust/src/main.rs rust/src/bin/profiles.rs
exit $failed

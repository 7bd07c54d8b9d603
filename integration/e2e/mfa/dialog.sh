#!/usr/bin/env bash
# Tries the real dialog in a window that nobody sees: answers it, and closes it. It takes the
# dialog program's name (zenity or kdialog) and needs that, Xvfb, xdotool and python3. The
# tests have a stand-in for the program, since a window without a window manager cannot be
# typed into at a known time.
#
#     integration/e2e/mfa/dialog.sh zenity
set -euo pipefail
tool=${1:-zenity}
cd "$(dirname "$0")/../../.."
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$dir"' EXIT
go build -o "$dir/bin/" ./cmd/sts-helper ./integration/cmd/sts-emulator
ln -s "$(command -v "$tool")" "$dir/bin/" # the only one on PATH

key=AKIAIOSFODNN7EXAMPLE secret=CANARYsecretCANARYsecretCANARYsecretCANA
seed=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP
cat >"$dir/world.json" <<JSON
{"users": [{"account": "111122223333", "name": "ana", "access_key_id": "$key", "secret_access_key": "$secret",
  "policy": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
  "mfa_devices": [{"name": "ana", "secret": "$seed"}]}]}
JSON
"$dir/bin/sts-emulator" -world "$dir/world.json" >"$dir/about.json" &
pids+=($!)
Xvfb -displayfd 3 -noreset -nolisten tcp -screen 0 800x600x24 3>"$dir/display" 2>/dev/null &
pids+=($!)
until [ -s "$dir/about.json" ] && [ -s "$dir/display" ]; do sleep 0.1; done

code() {
  python3 - "$seed" <<'PY'
import base64, hashlib, hmac, struct, sys, time
h = hmac.new(base64.b32decode(sys.argv[1]), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
at = h[-1] & 15
print("%06d" % ((struct.unpack(">I", h[at:at + 4])[0] & 0x7FFFFFFF) % 1000000))
PY
}
# Without a controlling terminal, with a display, and with the settings as variables.
helper() {
  env -i HOME="$dir" PATH="$dir/bin" DISPLAY=":$(cat "$dir/display")" \
    AWS_ACCESS_KEY_ID="$key" AWS_SECRET_ACCESS_KEY="$secret" \
    AWS_ENDPOINT_URL_STS="$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$dir/about.json")" \
    "$(command -v setsid)" -w sts-helper --mfa-serial arn:aws:iam::111122223333:mfa/ana "$@"
}
export DISPLAY=":$(cat "$dir/display")"
in_window() {
  xdotool search --sync --onlyvisible --name sts-helper >/dev/null
  sleep 2 # for the program to be ready for keys
  xdotool search --onlyvisible --name sts-helper windowfocus
  sleep 0.5
  xdotool "$@"
}

helper >"$dir/out" 2>"$dir/err" &
run=$!
in_window type "$(code)"
xdotool key Return
wait "$run" || { cat "$dir/err"; exit 1; }
grep -q '"AccessKeyId":"ASIA' "$dir/out" && echo "$tool answered: credentials"

helper --duration 2h >"$dir/out" 2>"$dir/err" &
run=$!
in_window key Escape
status=0
wait "$run" || status=$?
echo "$tool closed: exit $status, $(cat "$dir/err")"
[ "$status" = 8 ]

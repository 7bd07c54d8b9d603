# Part of run.sh, inside of the Debian.
export WINEPREFIX=/tmp/sts-helper-wine # of its own, whoever runs this
rm -rf "$WINEPREFIX"
umask 077 # Wine keeps access lists as modes, and gives a new file what umask leaves, not what its directory has for it
[ -e /etc/hosts ] || echo "127.0.0.1 localhost" >/etc/hosts # which debootstrap does not make, and Windows knows by itself
Xvfb :77 -screen 0 800x600x24 >/tmp/xvfb.log 2>&1 &
for _ in $(seq 100); do [ -S /tmp/.X11-unix/X77 ] || sleep 0.1; done
wine64 wineboot -i >/tmp/wineboot.log 2>&1 || { cat /tmp/wineboot.log; exit 1; }
failed=
while read -r pkg skip; do
	name=$(echo "${pkg#./}" | tr / -)
	cd "/src/${pkg%%:*}"
	echo "== $pkg"
	wine64 "/sts-helper-tests/$name.exe" -test.short -test.timeout=5m -test.skip="${skip:-^$}" </dev/null || failed="$failed $pkg"
done </sts-helper-tests/packages
[ -z "$failed" ] || { echo "failed under Wine:$failed"; exit 1; }

echo "== the table of commands"
cd /src/integration/e2e/systems
STS_HELPER_WINE_EXE=/sts-helper-tests/sts-helper/sts-helper.exe /sts-helper-tests/systems -test.run="$run" -test.timeout=20m

# serve writes an env-file that a shell reads, though the user's name has a blank.
echo "== serve --env-file"
home="$WINEPREFIX/drive_c/users/Ana Bell"
mkdir -p "$home/.aws"
printf '[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARYsecret\n' >"$home/.aws/credentials"
cd "$home"
export AWS_SHARED_CREDENTIALS_FILE='C:\users\Ana Bell\.aws\credentials' AWS_EC2_METADATA_DISABLED=true AWS_REGION=eu-central-1
wine64 /sts-helper-tests/sts-helper/sts-helper.exe serve --listen 127.0.0.1:0 --cache-dir 'C:\users\Ana Bell\AppData\Local\cache' --env-file env 2>serve.log &
for _ in $(seq 300); do [ -s env ] || sleep 0.1; done
[ -s env ] || { cat serve.log; exit 1; }
cat env
. ./env
case $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE in
"C:/users/Ana Bell/"*) ;;
*) echo "not the token's file: $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"; exit 1 ;;
esac
[ -s "$WINEPREFIX/dosdevices/c:${AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE#C:}" ] || ls "$WINEPREFIX/drive_c${AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE#C:}"
echo "== all well"

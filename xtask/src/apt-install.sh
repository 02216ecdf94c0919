# Installs the packages named as arguments, as root, without starting any service: packages
# start their own Redis otherwise, and the tests start theirs.
set -eu
policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-tailrace
restore() {
    if [ -e "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ] && [ ! -e "$kept" ]; then mv "$policy" "$kept"; fi
trap restore EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\nexit 101\n' > "$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends "$@"

# Installs the packages named as arguments, as root, without starting any service: packages
# start their own Redis and PostgreSQL otherwise, and the tests start theirs.
set -eu
policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-tailrace
cluster=/etc/postgresql-common/createcluster.d/tailrace.conf
restore() {
    # The folders go only if nobody else needs them.
    rm -f "$cluster"
    rmdir /etc/postgresql-common/createcluster.d /etc/postgresql-common 2>/dev/null || true
    if [ -e "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ] && [ ! -e "$kept" ]; then mv "$policy" "$kept"; fi
trap restore EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\nexit 101\n' > "$policy"
chmod 755 "$policy"
# PostgreSQL's package would also fill a folder for its server.
mkdir -p "${cluster%/*}"
printf 'create_main_cluster = false\n' > "$cluster"
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends "$@"

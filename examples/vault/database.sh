#!/bin/sh
# Starts PostgreSQL for this example, as its own user and with its data on the host. Its administrator is Vault.
set -eu
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' :)
data=/srv/database
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups env -C / "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
  install -d -o postgres -m 0700 "$data"
  # From a file, and not as an argument: those are visible to all processes.
  as_postgres initdb -D "$data" -U vault --auth=scram-sha-256 --pwfile=/dev/stdin < "$NOMAD_SECRETS_DIR/password"
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
fi
# Closed again: the server needs no password of its own.
exec < /dev/null
exec setpriv --reuid postgres --regid postgres --clear-groups env -C / postgres -D "$data" \
  -c "listen_addresses=*" -c "unix_socket_directories="

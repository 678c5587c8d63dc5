#!/bin/sh
# What an administrator prepares in Vault, once: the first password of the database, and logins to it that Vault creates.
# It needs VAULT_ADDR and VAULT_TOKEN, and `vault` on PATH.
set -eu
if vault secrets list -format=json | grep -q '"database/"'; then exit 0; fi
password=$(head -c 24 /dev/urandom | base64 | tr +/ -_)
printf %s "$password" | vault kv put secret/default/database password=- > /dev/null
vault secrets enable database
# The database starts after this, on either host of the lab's clients.
printf %s "$password" | vault write database/config/database plugin_name=postgresql-database-plugin allowed_roles=billing \
  verify_connection=false username=vault password=- \
  connection_url="postgresql://{{username}}:{{password}}@10.200.1.1:5432/postgres"
# So short that the change can be watched. An hour is usual.
vault write database/roles/billing db_name=database default_ttl=90s max_ttl=90s \
  creation_statements="CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"

#!/bin/sh
# Secrets for the tasks of the app next to it, and another root for the CA of the mesh.
set -eu
for datacenter in dc1 dc2; do
  printf 'password in %s' "$datacenter" | vault kv put "secret/default/secret-$datacenter" password=- > /dev/null
done
vault secrets list | grep -q '^mesh-root-2/' && exit
vault secrets enable -path=mesh-root-2 -max-lease-ttl=87600h pki
vault write mesh-root-2/root/generate/internal common_name=mesh-root-2 ttl=87600h > /dev/null

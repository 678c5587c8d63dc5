import { quote } from "./shell";

/** File with the name of the host's agents. */
export const NODE_NAME_FILE = "/etc/meshform/node-name";

/**
 * Returns steps that give an agent of a cloud machine a unique name: its host name and a hash of the instance id and the machine
 * id. A host name alone is used again when its address is reused, and Consul rejects a name that another node still holds.
 *
 * @param file a configuration file of the agent
 * @param setting the agent's setting for its name
 * @param owner the agent's user
 */
export function nodeNameSteps(file: string, setting: "name" | "node_name", owner: string): string[] {
  const source = `/run/meshform/${setting}.json`;
  return [
    `install -d /etc/meshform /run/meshform
hash=$({ cat /var/lib/cloud/data/instance-id /etc/machine-id 2>/dev/null || true; } | sha256sum | cut -c 1-12)
host=$(hostname | cut -d . -f 1 | tr '[:upper:]' '[:lower:]' | tr -c a-z0-9\\\\n - | cut -c 1-50)
echo "$host-$hash" > ${NODE_NAME_FILE}`,
    `printf '{"${setting}": "%s"}\\n' "$(cat ${NODE_NAME_FILE})" > ${source}
install -m 0640 -o ${owner} -g ${owner} ${source} ${quote(file)}`,
  ];
}

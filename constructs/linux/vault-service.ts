import type { HostRole } from "./compose-host";
import { consulFolder } from "./consul-agent";
import { json } from "./json";

/**
 * The service `vault` of Consul, which the agent of the host registers: `vault.service.consul` leads to the servers that are unsealed. A
 * standby passes requests on to the active server. Vault could register itself, with a tag for the active server, but then it would need
 * a client certificate of the agents, and a token.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/service
 */
export function vaultService(): HostRole {
  const service = {
    name: "vault",
    port: 8200,
    check: {
      name: "Vault is unsealed",
      http: "https://127.0.0.1:8200/v1/sys/health?standbyok=true",
      // The agent does not know the CA of Vault. It sends nothing there but this question.
      tls_skip_verify: true,
      interval: "2s",
      timeout: "2s",
    },
  };
  return {
    files: [{ path: `${consulFolder}/vault.json`, mode: "0640", owner: "consul:consul", content: json({ service }) }],
  };
}

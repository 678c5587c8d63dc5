import { Cluster } from "../cluster/cluster";
import { vaultEndpoint } from "../cluster/vault";
import { readOperatorToken } from "../hosts/credentials";
import { LabError } from "../core/errors";
import { invocation } from "../core/invocation";
import { Lab } from "../hosts/lab";
import { hostsOf } from "../hosts/topology";

/**
 * The variables with which the engines' own commands, and Terraform's providers, reach a datacenter of a lab from this
 * machine.
 *
 * @param datacenter default: the first
 * @throws LabError if there is no such lab or datacenter
 */
export function labEnvironment(name: string, datacenter?: string): Readonly<Record<string, string>> {
  const lab = new Lab(name);
  if (!lab.exists) throw new LabError(`There is no lab ${name}.`, `Run \`${invocation("up")}\` to make one.`);
  const known = lab.topology?.datacenters.map((it) => it.name) ?? [];
  const meant = datacenter ?? known.at(0) ?? "";
  if (datacenter !== undefined && !known.includes(datacenter)) {
    throw new LabError(`Lab ${name} has no datacenter ${datacenter}.`, `There are: ${known.join(", ") || "none"}.`);
  }
  const { consul, nomad } = Cluster.through(lab, meant).endpoints;
  return {
    CONSUL_HTTP_ADDR: consul.address,
    ...(consul.token && { CONSUL_HTTP_TOKEN: consul.token }),
    NOMAD_ADDR: nomad.address,
    ...(nomad.token && { NOMAD_TOKEN: nomad.token }),
    ...vaultEnvironment(lab),
  };
}

/** The same for Vault's command; nothing in a lab without Vault. */
export function vaultEnvironment(lab: Lab): Readonly<Record<string, string>> {
  const vault = vaultEndpoint(lab);
  return vault ? { VAULT_ADDR: vault.address, ...(vault.token && { VAULT_TOKEN: vault.token }) } : {};
}

/**
 * The same for commands on a host of a lab, which meet the host's own agents: on a server with the management tokens, on a client
 * with an operator's for Consul and none for Nomad.
 */
export function hostEnvironment(lab: Lab, host: string): Readonly<Record<string, string>> {
  const home = lab.topology?.datacenters.find(({ hosts }) => hosts.some(({ name }) => name === host));
  const credentials = home && lab.credentialsOf(home.name);
  if (!credentials) return {};
  const isServer = hostsOf(home, "server").some(({ name }) => name === host);
  const operatorToken = readOperatorToken(lab.files, home.name);
  return {
    CONSUL_HTTP_ADDR: "https://127.0.0.1:8501",
    CONSUL_CACERT: "/etc/consul.d/tls/ca.pem",
    CONSUL_CLIENT_CERT: "/etc/consul.d/tls/agent.pem",
    CONSUL_CLIENT_KEY: "/etc/consul.d/tls/agent-key.pem",
    NOMAD_ADDR: "https://127.0.0.1:4646",
    NOMAD_CACERT: "/etc/nomad.d/tls/ca.pem",
    ...(isServer && { CONSUL_HTTP_TOKEN: credentials.consulToken, NOMAD_TOKEN: credentials.nomadToken }),
    ...(!isServer && operatorToken !== undefined && { CONSUL_HTTP_TOKEN: operatorToken }),
  };
}

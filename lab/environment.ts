import { Cluster } from "./cluster";
import { LabError } from "./errors";
import { Lab } from "./lab";

/**
 * The variables with which the engines' own commands, and Terraform's providers, reach a datacenter of a lab from this
 * machine.
 *
 * @param datacenter default: the first
 * @throws LabError if there is no such lab or datacenter
 */
export function labEnvironment(name: string, datacenter?: string): Readonly<Record<string, string>> {
  const lab = new Lab(name);
  if (!lab.exists) throw new LabError(`There is no lab ${name}.`, "Run `npm run up` to make one.");
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
  };
}

/** The same for commands on a host of a lab, which meet the host's own agents. */
export function hostEnvironment(lab: Lab, host: string): Readonly<Record<string, string>> {
  const home = lab.topology?.datacenters.find(({ hosts }) => hosts.some(({ name }) => name === host));
  const credentials = home && lab.credentialsOf(home.name);
  if (!credentials) return {};
  return {
    CONSUL_HTTP_TOKEN: credentials.consulToken,
    NOMAD_ADDR: "https://127.0.0.1:4646",
    NOMAD_CACERT: "/etc/nomad.d/tls/ca.pem",
    NOMAD_TOKEN: credentials.nomadToken,
  };
}

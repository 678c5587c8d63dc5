import { Cluster } from "./cluster";
import { LabError } from "./errors";
import { Lab } from "./lab";

/**
 * The variables with which the engines' own commands, and Terraform's providers, reach a lab from this machine.
 *
 * @throws LabError if there is no such lab
 */
export function labEnvironment(name: string): Readonly<Record<string, string>> {
  const lab = new Lab(name);
  if (!lab.exists) throw new LabError(`There is no lab ${name}.`, "Run `npm run up` to make one.");
  const { consul, nomad } = Cluster.through(lab).endpoints;
  return {
    CONSUL_HTTP_ADDR: consul.address,
    ...(consul.token && { CONSUL_HTTP_TOKEN: consul.token }),
    NOMAD_ADDR: nomad.address,
    ...(nomad.token && { NOMAD_TOKEN: nomad.token }),
  };
}

/** The same for commands on a host of a lab, which meet the host's own agents. */
export function hostEnvironment(lab: Lab): Readonly<Record<string, string>> {
  const { credentials } = lab;
  if (!credentials) return {};
  return {
    CONSUL_HTTP_TOKEN: credentials.consulToken,
    NOMAD_ADDR: "https://127.0.0.1:4646",
    NOMAD_CACERT: "/etc/nomad.d/tls/ca.pem",
    NOMAD_TOKEN: credentials.nomadToken,
  };
}

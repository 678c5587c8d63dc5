import type { VariableValues } from "./variables";

/**
 * The variables of the access stack for a cluster whose Consul and Nomad servers share their hosts: each Consul server asks the Nomad
 * server next to it.
 *
 * @param nomadCa PEM of the CA of Nomad's agents
 */
export function accessVariables(nomadCa: string): VariableValues {
  return { nomad_jwks_url: "https://127.0.0.1:4646/.well-known/jwks.json", nomad_ca_certificate: nomadCa };
}

import type { NomadAgent } from "../facts";

/** How messages name the Nomad agent that answers. */
export function nameOf({ config, member }: NomadAgent): string {
  const name = config.NodeName || member?.Name;
  return name === undefined ? "the Nomad agent at NOMAD_ADDR" : `Nomad agent ${name}`;
}

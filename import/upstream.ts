import type * as nomad from "../constructs/nomad/generated/job";
import { Name, type Fields } from "./code";
import { overrideFor } from "./difference";
import { entries, set } from "./values";

/** A service of the imported app. */
export interface ImportedService {
  readonly name: string;
  readonly file: string;
  /** Name of its variable in the app. */
  readonly variable: string;
  readonly service: nomad.Service;
  readonly protocolIsKnown: boolean;
}

/** An upstream of a service of the imported app. */
export interface ImportedUpstream {
  /** Name of the service that has it. */
  readonly source: string;
  readonly upstream: nomad.ConsulUpstream;
}

const MODES: Readonly<Record<string, Name>> = {
  local: new Name("MeshGatewayMode.LOCAL"),
  none: new Name("MeshGatewayMode.NONE"),
  remote: new Name("MeshGatewayMode.REMOTE"),
};

/** Options of a connection. */
export function upstreamOf(upstream: nomad.ConsulUpstream): Fields {
  const { DestinationName, DestinationPeer, Datacenter, LocalBindAddress, LocalBindPort, MeshGateway, Config } =
    upstream;
  const { LocalBindSocketPath, LocalBindSocketMode } = upstream;
  const mode = set(MeshGateway?.Mode);
  const rendered = {
    DestinationName,
    DestinationPeer,
    Datacenter,
    LocalBindAddress,
    LocalBindPort,
    LocalBindSocketPath,
    LocalBindSocketMode,
    MeshGateway,
    Config,
  };
  return {
    localBindPort: set(LocalBindPort),
    localBindAddress: set(LocalBindAddress),
    localBindSocketPath: set(LocalBindSocketPath),
    localBindSocketMode: set(LocalBindSocketMode),
    datacenter: set(Datacenter),
    peer: set(DestinationPeer),
    meshGateway: mode === undefined ? undefined : MODES[mode],
    config: entries(Config) as Fields | undefined,
    override: overrideFor<nomad.ConsulUpstream>(rendered, upstream),
  };
}

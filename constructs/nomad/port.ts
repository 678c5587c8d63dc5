import type { Place } from "../core/problems";
import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/** Options of all ports of a group. */
export interface PortOptions {
  /**
   * Port inside the allocation's network namespace to which the port of the node is mapped.
   *
   * @default the same number as on the node
   */
  readonly to?: number;
  /**
   * Name of the client's `host_network` whose address the port uses.
   *
   * @default "default"
   * @see https://developer.hashicorp.com/nomad/docs/configuration/client#host_network-block
   */
  readonly hostNetwork?: string;
}

/** @internal */
export const PORT_SHAPE: is.Shape<PortOptions> = {
  to: is.number,
  hostNetwork: is.text,
};

/** Options of {@link Port.static}. */
export interface StaticPortOptions extends PortOptions {
  /** Whether Nomad can place the group on a node where the port is already in use. Only with the network mode `host`. @default false */
  readonly ignoreCollision?: boolean;
}

/** @internal */
export const STATIC_PORT_SHAPE: is.Shape<StaticPortOptions> = {
  ...PORT_SHAPE,
  ignoreCollision: is.flag,
};

/**
 * A port of the node for a group, for both TCP and UDP. Tasks can read it as `${NOMAD_PORT_<label>}` (inside the allocation),
 * `${NOMAD_HOST_PORT_<label>}` and `${NOMAD_ADDR_<label>}`.
 *
 * @example
 * { http: Port.dynamic({ to: 8080 }), dns: Port.static(53) }
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/network#port-parameters
 */
export class Port {
  private constructor(
    /** @internal Port of the node; `undefined` if Nomad chooses it. */
    readonly value: number | undefined,
    private readonly options: StaticPortOptions,
  ) {}

  /** A port that Nomad chooses, by default from 20000 to 32000. */
  static dynamic(options: PortOptions = {}): Port {
    return new Port(undefined, options);
  }

  /**
   * A fixed port of the node. It can be used only once on a node, so each allocation needs a separate node.
   *
   * @param value from 1 to 65535
   */
  static static(value: number, options: StaticPortOptions = {}): Port {
    return new Port(value, options);
  }

  /** @internal */
  examine(place: Place): void {
    is.number(place, "value", this.value);
    is.examineProperties(place, this.options, STATIC_PORT_SHAPE);
  }

  /** @internal The port inside the allocation; `undefined` if it is the same number as on the node. */
  get to(): number | undefined {
    const { to } = this.options;
    return to === -1 ? undefined : to;
  }

  /** @internal */
  render(label: string): nomad.Port {
    const { to, hostNetwork, ignoreCollision } = this.options;
    return { Label: label, Value: this.value, To: to, HostNetwork: hostNetwork, IgnoreCollision: ignoreCollision };
  }
}

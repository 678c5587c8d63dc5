import type { Place } from "../core/problems";
import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/** What every port of a group takes. */
export interface PortOptions {
  /**
   * Port inside the allocation's own network namespace that this one leads to.
   *
   * @default the same number as on the node
   */
  readonly to?: number;
  /**
   * Name of the client's `host_network` whose address it takes.
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
  /** Whether Nomad places it where something else has the port already; only on the node's own network. @default false */
  readonly ignoreCollision?: boolean;
}

/** @internal */
export const STATIC_PORT_SHAPE: is.Shape<StaticPortOptions> = {
  ...PORT_SHAPE,
  ignoreCollision: is.flag,
};

/**
 * A port of the node that a group takes, for TCP and UDP alike. Tasks find it as `${NOMAD_PORT_<label>}` (inside),
 * `${NOMAD_HOST_PORT_<label>}` and `${NOMAD_ADDR_<label>}`.
 *
 * @example
 * { http: Port.dynamic({ to: 8080 }), dns: Port.static(53) }
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/network#port-parameters
 */
export class Port {
  private constructor(
    /** @internal Port of the node, where it is not Nomad that chooses. */
    readonly value: number | undefined,
    private readonly options: StaticPortOptions,
  ) {}

  /** A port that Nomad chooses, from 20000 to 32000 as clients are by default. */
  static dynamic(options: PortOptions = {}): Port {
    return new Port(undefined, options);
  }

  /** This very port. A node has it once, so allocations need as many nodes. @param value from 1 to 65535 */
  static static(value: number, options: StaticPortOptions = {}): Port {
    return new Port(value, options);
  }

  /** @internal */
  examine(place: Place): void {
    is.number(place, "value", this.value);
    is.examineProperties(place, this.options, STATIC_PORT_SHAPE);
  }

  /** @internal The port inside the allocation, `undefined` where it is the number on the node. */
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

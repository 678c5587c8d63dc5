import { Protocol } from "../../consul/protocol";
import type { HeaderMatch } from "../../consul/http-permission";
import { refuseWrongValues } from "../../core/shape";
import { BLUE_GREEN_SHAPE } from "../shapes";
import { subsetOf, type HasSubset } from "./destination";
import type { TrafficOwner } from "./service-traffic";
import type { Subset } from "./subset";

/** What {@link MeshService.blueGreen} takes. */
export interface BlueGreenOptions {
  /** A version, a subset, or the service's own instances (`api.stable`). */
  readonly blue: Subset | HasSubset;
  /** The other one. */
  readonly green: Subset | HasSubset;
  /** Who gets the requests. */
  readonly live: "blue" | "green";
  /**
   * Header of those whose requests all go to the one that is not live: its name, or what it must say.
   *
   * @default nobody
   */
  readonly header?: string | HeaderMatch;
}

/** Resolver, splitter and router of two versions that take turns. */
export function planBlueGreen(owner: TrafficOwner, options: BlueGreenOptions): void {
  refuseWrongValues(owner, options, BLUE_GREEN_SHAPE, "blueGreen");
  const { blue, green, live, header } = options;
  const { traffic, protocol } = owner;
  const [active, idle] = (live === "blue" ? [blue, green] : [green, blue]).map(subsetOf);
  traffic.resolve({ defaultSubset: active });
  // Where requests can be told apart, the splitter switches: Terraform writes it once the new version is healthy, and
  // Envoy knows both sides before. A tcp service has the resolver alone.
  if (protocol !== Protocol.TCP) {
    traffic.split([
      { to: active, weight: 100 },
      { to: idle, weight: 0 },
    ]);
  }
  if (header !== undefined) {
    traffic.sendTesters(header, idle);
  }
}

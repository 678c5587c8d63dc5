import { Protocol } from "../../consul/protocol";
import type { HeaderMatch } from "../../consul/http-permission";
import { refuseWrongValues } from "../../core/shape";
import { BLUE_GREEN_SHAPE } from "../shapes";
import { subsetOf, type HasSubset } from "./destination";
import type { TrafficOwner } from "./service-traffic";
import type { Subset } from "./subset";

/** Options of {@link MeshService.blueGreen}. */
export interface BlueGreenOptions {
  /** One of the two: a version, a subset, or the service's own instances (`api.stable`). */
  readonly blue: Subset | HasSubset;
  /** The other one: a version, a subset, or the service's own instances (`api.stable`). */
  readonly green: Subset | HasSubset;
  /** Which of the two gets the requests. */
  readonly live: "blue" | "green";
  /**
   * Header of testers: all requests with this header go to the version that is not live. It is the name of the header, or a condition for
   * its value.
   *
   * @default none: the version that is not live gets no requests
   */
  readonly header?: string | HeaderMatch;
}

/** Sets the resolver, splitter and router of a blue-green deployment. */
export function planBlueGreen(owner: TrafficOwner, options: BlueGreenOptions): void {
  refuseWrongValues(owner, options, BLUE_GREEN_SHAPE, "blueGreen");
  const { blue, green, live, header } = options;
  const { traffic, protocol } = owner;
  const [active, idle] = (live === "blue" ? [blue, green] : [green, blue]).map(subsetOf);
  traffic.resolve({ defaultSubset: active });
  // With http, http2 and grpc, the splitter switches: Terraform writes it after the new version is healthy, and Envoy already knows
  // both versions. A tcp service has only the resolver.
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

import { refuseWrongArgument, refuseWrongValues } from "../../core/shape";
import { CANARY_SHAPE } from "../shapes";
import { Op, Token } from "cdktf";
import type { HeaderMatch } from "../../consul/http-permission";
import { MeshError } from "../../core/errors";
import { nameOf } from "../mesh-member";
import { SUBSET, subsetOf, type HasSubset } from "./destination";
import type { TrafficOwner } from "./service-traffic";
import type { Subset } from "./subset";
import { isToken } from "../../core/token";

/** Options of {@link MeshService.canary}. */
export interface CanaryOptions {
  /** Percentage of the requests that the canary gets: from 0 to 100, in steps of 0.01. */
  readonly percent: number;
  /**
   * Header of testers: all requests with this header go to the canary, whatever the percentage. It is the name of the header, or a
   * condition for its value.
   *
   * @default none: `percent` applies to all requests
   */
  readonly header?: string | HeaderMatch;
  /** The subset that gets the other requests. @default `stable`: all instances except those of versions and canaries */
  readonly stable?: Subset | HasSubset;
}

/** Sets the resolver, splitter and router of a canary deployment. */
export function planCanary(owner: TrafficOwner, canary: Subset | HasSubset, options: CanaryOptions): void {
  const { traffic } = owner;
  refuseWrongArgument(owner, "canary", canary, SUBSET);
  refuseWrongValues(owner, options, CANARY_SHAPE, "canary");
  const { percent, header } = options;
  if (!isToken(percent) && !(percent >= 0 && percent <= 100)) {
    throw new MeshError(owner, `The weight of its canary is ${percent} %.`, "Use a number from 0 to 100.");
  }
  const to = subsetOf(canary);
  const ownerName = nameOf(to.service);
  if (ownerName !== owner.serviceName) {
    throw new MeshError(owner, `Its canary is a subset of ${ownerName}.`, "Use split to set weights between services.");
  }
  traffic.excludeFromStable(to);
  const stable = options.stable === undefined ? traffic.stableSubset() : subsetOf(options.stable);
  if (!traffic.hasDefaultSubset) {
    traffic.resolve({ defaultSubset: stable });
  }
  // Rounded to hundredths, since the floating-point result of 100 - 33.3 is not exactly 66.7.
  const rest = isToken(percent) ? Token.asNumber(Op.sub(100, percent)) : Math.round((100 - percent) * 100) / 100;
  traffic.split([
    { to: stable, weight: rest },
    { to, weight: percent },
  ]);
  if (header !== undefined) {
    traffic.sendTesters(header, to);
  }
}

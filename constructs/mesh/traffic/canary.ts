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

/** What {@link MeshService.canary} takes. */
export interface CanaryOptions {
  /** Requests that the canary gets: from 0 to 100, as fine as 0.01. */
  readonly percent: number;
  /**
   * Header of those whose requests all go to the canary, whatever the percentage: its name, or what it must say.
   *
   * @default nobody
   */
  readonly header?: string | HeaderMatch;
  /** Who gets the rest. @default the instances of no version and no canary */
  readonly stable?: Subset | HasSubset;
}

/** Resolver, splitter and router of a canary. */
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
  // In hundredths, since 100 - 33.3 is not quite 66.7 to a computer.
  const rest = isToken(percent) ? Token.asNumber(Op.sub(100, percent)) : Math.round((100 - percent) * 100) / 100;
  traffic.split([
    { to: stable, weight: rest },
    { to, weight: percent },
  ]);
  if (header !== undefined) {
    traffic.sendTesters(header, to);
  }
}

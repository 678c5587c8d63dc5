import type { Link } from "../link";
import { accessRules } from "./access-rules";
import { appListens } from "./app-listens";
import { certificates } from "./certificates";
import { chain } from "./chain";
import { destinationSidecar } from "./destination-sidecar";
import { destinationSync } from "./destination-sync";
import { endpoints } from "./endpoints";
import { errors } from "./errors";
import { instances } from "./instances";
import { intention } from "./intention";
import { limits } from "./limits";
import { listener } from "./listener";
import { peering } from "./peering";
import { protocol } from "./protocol";
import { sourceDeployed } from "./source-deployed";
import { sourceSidecar } from "./source-sidecar";
import { sourceSync } from "./source-sync";
import { upstream } from "./upstream";

/** All links, in the order in which a request meets them. */
export const LINKS: readonly Link[] = [
  sourceDeployed,
  sourceSidecar,
  sourceSync,
  upstream,
  chain,
  peering,
  instances,
  listener,
  endpoints,
  limits,
  destinationSidecar,
  destinationSync,
  certificates,
  protocol,
  intention,
  accessRules,
  appListens,
  errors,
];

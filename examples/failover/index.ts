import { Failover, type ServiceMesh } from "meshform";
import { addGreetingApi, addGreetingPage, type Runtime } from "../canary";

/** Options of {@link addFailover}. */
export interface FailoverExampleOptions {
  /** Containers of Node.js, or Node.js on the nodes themselves. */
  readonly runtime: Runtime;
}

/** The first failure puts an instance aside, for 5 seconds, even if it is the last one. */
const ASIDE = { maxFailures: 1, maxEjectionPercent: 100, baseEjectionTime: "5s" } as const;

/** A page and its API in one datacenter, and the same API in another one, which answers while no instance is left here. */
export function addFailover(east: ServiceMesh, west: ServiceMesh, { runtime }: FailoverExampleOptions): void {
  for (const mesh of [east, west]) {
    // A node has its port once: the next one starts on another node before this one ends.
    mesh.addMeshGateway("mesh-gateway", { update: { canary: 1, autoPromote: true } });
  }
  const api = addGreetingApi(east, "greeting-api", runtime, { VERSION: "dc1" });
  const spare = addGreetingApi(west, "greeting-api", runtime, { VERSION: "dc2" });
  const page = addGreetingPage(east, "greeting-page", runtime, { publish: 9300, testerHeader: "x-canary" });
  // An instance that dies without a word is asked until Consul notices, a second later. With these two nobody does: the
  // first failure puts it aside, and the request is sent again, to where there is another one.
  page.connectTo(api, { env: "GREETING_URL", passiveHealthCheck: ASIDE });
  api.route({ retries: { attempts: 3, on: ["connect-failure", "refused-stream", "reset", "gateway-error"] } });

  api.resolve({ failover: Failover.to(spare) });
}

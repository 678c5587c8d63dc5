import type { MeshService, ServiceMesh } from "meshform";
import { addGreetingApi, addGreetingPage, program, type Runtime } from "../canary";

/** Options of {@link addBlueGreen}. */
export interface BlueGreenExampleOptions {
  /** Containers of Node.js, or Node.js on the nodes themselves. */
  readonly runtime: Runtime;
  /** Which of the two answers. */
  readonly live: "blue" | "green";
}

/** Header of those whose requests all go to the one that is not live. */
export const PREVIEW_HEADER = "x-preview";

/** A page, the API that it asks, and a second version of that API, with which it takes turns. */
export function addBlueGreen(mesh: ServiceMesh, { runtime, live }: BlueGreenExampleOptions): MeshService {
  const api = addGreetingApi(mesh, "shop-api", runtime, { VERSION: "blue" });
  const page = addGreetingPage(mesh, "shop-page", runtime, { publish: 9200, testerHeader: PREVIEW_HEADER });
  page.connectTo(api, { env: "GREETING_URL" });

  const green = api.addVersion("green", { workload: program("greeting-api.mjs", runtime, { VERSION: "green" }) });
  api.blueGreen({ blue: api.stable, green, live, header: PREVIEW_HEADER });
  return api;
}

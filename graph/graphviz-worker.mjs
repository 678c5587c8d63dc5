// Lays graphs out with Graphviz in a thread of its own: while Graphviz works nothing else runs in its thread, not even a timer.
import { parentPort, workerData } from "node:worker_threads";
import { instance } from "@viz-js/viz";

const viz = await instance();
parentPort.postMessage(
  workerData.map((description) => viz.renderString(description, { format: "json0", engine: "dot" })),
);

import { App } from "cdktf";
import { synthesize } from "../constructs";
import { buildWithMeshform } from "./meshform-app";
import { buildPlain, plainServicesOf } from "./plain-app";
import { ringOf } from "./ring";

/** What one process measured of itself. */
export interface Measurement {
  /** Wall time from an empty app to its written output, without starting Node.js and loading modules. */
  readonly wallSeconds: number;
  /** Processor time of all its threads meanwhile; other work on the machine hardly shows in it. */
  readonly cpuSeconds: number;
  /** The most memory that the process ever held, modules included. */
  readonly peakRssMib: number;
}

// node --import tsx bench/measure-one.ts meshform|plain <services> <stacks> <connections> <output folder>
const [which, services, stacks, connections, outdir] = process.argv.slice(2);
const ring = ringOf({ services: Number(services), stacks: Number(stacks), connections: Number(connections) });
const synthesizeOne = which === "plain" ? plainApp() : meshformApp();

const start = performance.now();
const startCpu = process.cpuUsage();
synthesizeOne();
const { user, system } = process.cpuUsage(startCpu);
const measurement: Measurement = {
  wallSeconds: (performance.now() - start) / 1000,
  cpuSeconds: (user + system) / 1e6,
  peakRssMib: process.resourceUsage().maxRSS / 1024,
};
console.log(JSON.stringify(measurement));

function meshformApp(): () => void {
  return () => synthesize((app) => buildWithMeshform(app, ring), { outdir });
}

function plainApp(): () => void {
  const plainServices = plainServicesOf(ring);
  // As `synthesize` does: with source maps on, both apps would spend half their time on mapping stack traces.
  process.setSourceMapsEnabled(false);
  return () => {
    const app = new App({ outdir });
    buildPlain(app, plainServices);
    app.synth();
  };
}

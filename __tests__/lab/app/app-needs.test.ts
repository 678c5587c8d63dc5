import { Sidecar, Workload, type ServiceMesh } from "../../../constructs";
import { needsOf, requireNeeds, type LabOffer } from "../../../lab/app/app-needs";
import type { JobDocument } from "../../../lab/apply/documents";
import { execChroot } from "../../../lab/hosts/exec-chroot";
import { synthMesh } from "../../support/synth";

const offer: LabOffer = {
  programs: ["/usr/local/bin/node", "/usr/local/bin/envoy"],
  shown: ["/srv/certificates"],
  chroot: Object.keys(execChroot()),
  clients: new Map([["dc1", 2]]),
  roots: [],
};

function documentsOf(add: (mesh: ServiceMesh) => void, sidecar = Sidecar.exec()): JobDocument[] {
  const { jobs } = synthMesh(add, { sidecar });
  return Object.values(jobs).map((job) => ({ job, construct: `mesh/${job.ID}`, stack: "test", isOpen: false }));
}

function withTask(workload: Workload): JobDocument[] {
  return documentsOf((mesh) => {
    mesh.addJob("app").addGroup("group", { tasks: { task: workload } });
  });
}

function problemOf(documents: readonly JobDocument[], lab: LabOffer = offer): string | undefined {
  try {
    requireNeeds(documents, lab);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test.each<[string, Workload]>([
  ["a program on the path", Workload.exec({ command: "sh", driver: "raw_exec" })],
  ["a program of the lab", Workload.exec({ command: "node", driver: "raw_exec" })],
  ["a program that its root has", Workload.exec({ command: "/bin/sh" })],
  [
    "a program that an artifact brings",
    Workload.exec({ command: "server", artifacts: ["https://example.com/server"] }),
  ],
  ["a program in its own folder", Workload.exec({ command: "local/server" })],
  ["a program whose path Nomad knows", Workload.exec({ command: "${NOMAD_TASK_DIR}/server" })],
  ["an image with a tag", Workload.docker({ image: "shop/api:1.4" })],
  ["an image with a registry's port", Workload.docker({ image: "registry.example:5000/api:1.4" })],
])("%s can run", (_, workload) => {
  expect(problemOf(withTask(workload))).toBeUndefined();
});

test.each<[string, Workload, string]>([
  [
    "a driver that the lab does not have",
    Workload.driver("podman", { image: "x:1" }),
    "mesh/app: the task task needs the driver podman, which the lab does not support. Use one of docker, exec, raw_exec in the lab.",
  ],
  [
    "a program that is nowhere",
    Workload.exec({ command: "no-such-program", driver: "raw_exec" }),
    "mesh/app: the task task runs no-such-program, which the hosts of the lab do not have. Correct the command, or install the program in /usr, /usr/local or /opt of this machine.",
  ],
  [
    "a program in a folder that hosts do not see",
    Workload.exec({ command: __filename, driver: "raw_exec" }),
    `mesh/app: the task task runs ${__filename}, which the hosts of the lab do not have. Hosts cannot read ${__dirname}: share it with \`--show ${__dirname}\`, or move the program to /usr/local or /opt.`,
  ],
  [
    "a program that the root of the driver exec does not have",
    Workload.exec({ command: "python3" }),
    'mesh/app: the task task runs python3 with the driver exec, whose chroot in the lab has only sh, env, node. Use driver: "raw_exec", or download the program as an artifact.',
  ],
  [
    "an image with the tag latest",
    Workload.docker({ image: "shop/api" }),
    "mesh/app: the task task runs the image shop/api, which Nomad pulls each time because its tag is latest, but hosts of the lab cannot reach a registry. Use another tag.",
  ],
  [
    "an image by its digest",
    Workload.docker({ image: "shop/api@sha256:0123" }),
    "mesh/app: the task task runs the image shop/api@sha256:0123, whose digest only a registry knows, but hosts of the lab cannot reach a registry. Use a tag, at least in the lab.",
  ],
  [
    "an image that is always fetched",
    Workload.docker({ image: "shop/api:1", config: { force_pull: true } }),
    "mesh/app: the task task runs the image shop/api:1, which Nomad pulls each time because of force_pull, but hosts of the lab cannot reach a registry. Omit force_pull.",
  ],
])("%s is found before anything boots", (_, workload, problem) => {
  expect(problemOf(withTask(workload))).toBe(`The lab cannot run this app:\n  - ${problem} Nothing was deployed.`);
});

test("a static port that is asked for more often than there are hosts is found, and all problems at once", () => {
  const documents = documentsOf((mesh) => {
    const workload = Workload.exec({ command: "no-such-program", driver: "raw_exec" });
    mesh.addService("web", { port: 8000, publish: 8000, count: 3, workload });
  });
  expect(problemOf(documents)?.split("\n")).toEqual([
    "The lab cannot run this app:",
    expect.stringMatching(/^ {2}- mesh\/web: the task web runs no-such-program/) as string,
    "  - mesh/web: host port 8000 is needed 3 times, but dc1 has 2 hosts that run tasks. Use different ports or a lower count. Nothing was deployed.",
  ]);
  expect(problemOf(documents, { ...offer, clients: new Map([["dc1", 3]]) })).not.toContain("port 8000");
});

test("what an app needs of Docker follows from its tasks, and from the Envoys that Nomad adds", () => {
  const api = (workload: Workload) => (mesh: ServiceMesh) => {
    mesh.addService("api", { port: 8000, workload });
  };
  const program = Workload.exec({ command: "node", driver: "raw_exec" });
  const container = Workload.docker({ image: "shop/api:1.4" });
  const needs = (add: (mesh: ServiceMesh) => void, sidecar: Sidecar) => needsOf(documentsOf(add, sidecar), "envoy:1");
  expect(needs(api(program), Sidecar.exec())).toEqual({ hasContainers: false, needsDocker: false, images: [] });
  expect(needs(api(container), Sidecar.exec())).toEqual({
    ...{ hasContainers: true, needsDocker: true },
    images: [{ construct: "mesh/api", name: "shop/api:1.4" }],
  });
  const envoy = { construct: "mesh/api", name: "envoy:1" };
  expect(needs(api(program), Sidecar.docker())).toEqual({ hasContainers: false, needsDocker: true, images: [envoy] });
  expect(needs(api(program), Sidecar.docker({ image: "own/envoy:2" })).images).toEqual([
    { ...envoy, name: "own/envoy:2" },
  ]);
});

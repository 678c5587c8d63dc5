import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";

const ROOT = join(__dirname, "..");
const GENERATED = ["constructs/nomad/generated/job.ts", "constructs/consul/generated/config-entries.ts"];

/** A cold machine downloads the Go modules and compiles them first. */
const GO_MS = 5 * 60_000;
const COMPILER_MS = 60_000;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "typegen-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("the generator", () => {
  it(
    "finds the committed types as it would write them",
    () => {
      go("run", ".", "-out", folder);
      for (const file of GENERATED) {
        expect(readFileSync(join(ROOT, file), "utf8")).toBe(readFileSync(join(folder, file), "utf8"));
      }
    },
    GO_MS,
  );

  it(
    "passes its own tests",
    () => {
      expect(go("test", ".")).toContain("ok");
    },
    GO_MS,
  );
});

describe("a job", () => {
  it(
    "takes what a mesh service needs",
    () => {
      expect(
        problemsIn(`
          const job = {
            ID: "count-dashboard",
            Datacenters: ["dc1"],
            Update: { MinHealthyTime: 5_000_000_000, AutoRevert: true },
            TaskGroups: [
              {
                Name: "dashboard",
                Networks: [{ Mode: "bridge", DynamicPorts: [{ Label: "health", To: -1 }] }],
                Services: [
                  {
                    Name: "count-dashboard",
                    PortLabel: "9002",
                    Checks: [{ Type: "http", Path: "/health", Expose: true, Interval: 10_000_000_000 }],
                    Connect: {
                      SidecarService: { Proxy: { Upstreams: [{ DestinationName: "count-api", LocalBindPort: 8080 }] } },
                      SidecarTask: { Driver: "raw_exec", Config: { command: "envoy" }, Resources: { MemoryMB: 64 } },
                    },
                  },
                ],
                Tasks: [
                  {
                    Name: "dashboard",
                    Driver: "docker",
                    Config: { image: "hashicorpdev/counter-dashboard:v3" },
                    Env: { COUNTING_SERVICE_URL: "http://\${NOMAD_UPSTREAM_ADDR_count_api}" },
                    Templates: [{ EmbeddedTmpl: "x", DestPath: "local/x", Wait: { Min: 1 } }],
                  },
                ],
              },
            ],
          } satisfies nomad.Job;
        `),
      ).toEqual([]);
    },
    COMPILER_MS,
  );

  it.each([
    ["a field of another name", `{ Services: [{ Port: "9002" }] }`, "'Port' does not exist in type 'Service'"],
    ["a duration with units", `{ ShutdownDelay: "5s" }`, "Type 'string' is not assignable to type 'number'"],
    ["what the server writes", `{ Scaling: { ModifyIndex: 7 } }`, "'ModifyIndex' does not exist"],
    [
      "settings of a mesh gateway",
      `{ Services: [{ Connect: { Gateway: { Mesh: { Port: 1 } } } }] }`,
      "to type 'never'",
    ],
  ])(
    "refuses %s",
    (_, group, message) => {
      expect(problemsIn(`export const group = ${group} satisfies nomad.TaskGroup;`)).toEqual([
        expect.stringContaining(message),
      ]);
    },
    COMPILER_MS,
  );

  it(
    "cannot be changed once it is built",
    () => {
      expect(problemsIn(`export function rename(job: nomad.Job): void { job.ID = "other"; }`)).toEqual([
        expect.stringContaining("'ID' because it is a read-only property"),
      ]);
    },
    COMPILER_MS,
  );
});

describe("a config entry", () => {
  it(
    "is told apart by its kind",
    () => {
      expect(
        problemsIn(`
          export function describeEntry(entry: consul.ConfigEntry): string | undefined {
            switch (entry.Kind) {
              case "service-defaults":
                return entry.Protocol;
              case "service-intentions":
                return entry.Sources?.map((source) => source.Action).join();
              case "mesh":
                return entry.TLS?.Incoming?.TLSMinVersion;
              default:
                return entry.Meta?.["owner"];
            }
          }
        `),
      ).toEqual([]);
    },
    COMPILER_MS,
  );

  it(
    "takes a duration as text or as nanoseconds",
    () => {
      expect(
        problemsIn(`
          export const resolver = {
            Kind: "service-resolver",
            ConnectTimeout: "5s",
            RequestTimeout: 5_000_000_000,
          } satisfies consul.ConfigEntry;
        `),
      ).toEqual([]);
    },
    COMPILER_MS,
  );

  it.each([
    [
      "a field of another kind",
      `{ Kind: "mesh", Protocol: "http" }`,
      "'Protocol' does not exist in type 'MeshConfigEntry'",
    ],
    ["an unknown kind", `{ Kind: "service-default" }`, `"service-default"`],
    ["no kind", `{ Name: "api" }`, "Property 'Kind' is missing"],
  ])(
    "refuses %s",
    (_, entry, message) => {
      expect(problemsIn(`export const entry = ${entry} satisfies consul.ConfigEntry;`)).toEqual([
        expect.stringContaining(message),
      ]);
    },
    COMPILER_MS,
  );
});

function go(...args: string[]): string {
  return execFileSync("go", args, {
    cwd: join(ROOT, "tools/typegen"),
    env: { ...process.env, GOFLAGS: "-mod=readonly" },
    encoding: "utf8",
    timeout: 10 * 60_000,
  });
}

/** What the compiler says about code that uses the generated types as `nomad` and `consul`. */
function problemsIn(code: string): string[] {
  const file = join(folder, "snippet.ts");
  writeFileSync(
    file,
    `import type * as nomad from "${ROOT}/constructs/nomad/generated/job";
     import type * as consul from "${ROOT}/constructs/consul/generated/config-entries";
     export type Used = nomad.Job | consul.ConfigEntry;
     ${code}`,
  );
  const program = ts.createProgram([file], { strict: true, noEmit: true, lib: ["lib.es2022.d.ts"], types: [] });
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

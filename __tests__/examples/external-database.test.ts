import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "../../constructs";
import { addBilling } from "../../examples/external-database";
import { makeCertificates } from "../../examples/external-database/certificates";
import { MeshStack } from "../../stacks/mesh-stack";
import { serviceOf } from "../support/job";
import { findingsOf, synthStack } from "../support/synth";
import { testApp } from "../support/test-app";

function synth(runtime: "docker" | "exec") {
  const stack = new MeshStack(testApp(), "mesh", { runtime });
  const secret = (item: string) =>
    Template.text(`{{ with nomadVar "nomad/jobs/egress" }}{{ .${item} }}{{ end }}`, { destination: `secrets/${item}` });
  addBilling(stack.mesh, {
    runtime,
    address: "192.0.2.7",
    tls: { sni: "database.example", caFile: "secrets/ca", certFile: "secrets/certificate", keyFile: "secrets/key" },
    templates: ["ca", "certificate", "key"].map(secret),
  });
  return synthStack(stack);
}

test.each(["docker", "exec"] as const)("the example under %s passes every check", (runtime) => {
  expect(findingsOf(() => synth(runtime))).toEqual([]);
});

test("the database is reached by TLS, and by nobody but the service that needs it", () => {
  const { jobs, entries } = synth("docker");
  expect(serviceOf(jobs.egress).Connect?.Gateway?.Terminating?.Services).toEqual([
    {
      Name: "billing-db",
      CAFile: "/secrets/ca",
      CertFile: "/secrets/certificate",
      KeyFile: "/secrets/key",
      SNI: "database.example",
    },
  ]);
  expect(entries["service-intentions/billing-db"]).toMatchObject({ Sources: [{ Name: "billing" }] });
});

describe("the certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "meshform-certificates-"));

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test("are of one authority, with the names that were asked for, and keys that nobody else can read", () => {
    const made = makeCertificates(join(folder, "one"), "database.example", "egress.example");
    const read = (file: string) => new X509Certificate(readFileSync(file));
    const ca = read(made.caFile);
    for (const [file, name] of [
      [made.serverCertFile, "database.example"],
      [made.clientCertFile, "egress.example"],
    ]) {
      expect(read(file).verify(ca.publicKey)).toBe(true);
      expect(read(file).subjectAltName).toBe(`DNS:${name}`);
    }
    for (const key of [made.serverKeyFile, made.clientKeyFile]) {
      expect(statSync(key).mode & 0o777).toBe(0o600);
    }
  });

  test("are made once, and as a whole", () => {
    const made = makeCertificates(join(folder, "two"), "a.example", "b.example");
    const before = readFileSync(made.serverCertFile, "utf8");
    makeCertificates(join(folder, "two"), "c.example", "d.example");
    expect(readFileSync(made.serverCertFile, "utf8")).toBe(before);
    expect(existsSync(join(folder, "two.draft"))).toBe(false);
  });
});

import { HealthCheck, Port, type MeshServiceBaseProps, type nomad } from "../../constructs";
import { only, serviceOf } from "../support/job";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

function serviceWith(props: Partial<MeshServiceBaseProps>): nomad.Service {
  return serviceOf(
    synthMesh((mesh) => mesh.addService("web", { port: 8000, workload: anyWorkload, ...props })).jobs.web,
  );
}

function checkWith(healthCheck: HealthCheck, props: Partial<MeshServiceBaseProps> = {}): nomad.ServiceCheck {
  return only(serviceWith({ healthCheck, ...props }).Checks);
}

describe("the registration of a service", () => {
  test("has all that Nomad knows of it", () => {
    const service = serviceWith({
      addressMode: "alloc",
      taggedAddresses: { wan: "203.0.113.7:80" },
      enableTagOverride: true,
      onUpdate: "ignore",
      checkRestart: { limit: 3, grace: "30s", ignoreWarnings: true },
      weights: { passing: 5, warning: 1 },
      identity: { audience: ["consul.io"], ttl: "1h" },
      consulCluster: "east",
    });
    expect(service).toMatchObject({
      AddressMode: "alloc",
      TaggedAddresses: { wan: "203.0.113.7:80" },
      EnableTagOverride: true,
      OnUpdate: "ignore",
      CheckRestart: { Limit: 3, Grace: 30e9, IgnoreWarnings: true },
      Weights: { Passing: 5, Warning: 1 },
      Identity: { Audience: ["consul.io"], TTL: 3600e9 },
      Cluster: "east",
    });
  });

  test("can have an address of its own", () => {
    expect(serviceWith({ address: "web.example.com" }).Address).toBe("web.example.com");
    expect(() => serviceWith({ address: "web.example.com", addressMode: "host" })).toThrow(/address_mode/);
  });
});

describe("a health check", () => {
  test("passes through its service's Envoy", () => {
    const check = checkWith(HealthCheck.http("/health"));
    expect(check).toMatchObject({ Expose: true });
    expect(check).not.toHaveProperty("PortLabel");
  });

  test("is asked directly at another port, a number or a label", () => {
    const byNumber = checkWith(HealthCheck.http("/health", { port: 9000 }));
    expect(byNumber).toMatchObject({ PortLabel: "9000", AddressMode: "alloc" });
    expect(byNumber).not.toHaveProperty("Expose");
    const byLabel = checkWith(HealthCheck.http("/health", { port: "admin" }), { ports: { admin: Port.dynamic() } });
    expect(byLabel).toMatchObject({ PortLabel: "admin" });
    expect(byLabel).not.toHaveProperty("AddressMode");
    expect(byLabel).not.toHaveProperty("Expose");
  });

  test("can have Envoy open it at a port of the group", () => {
    const check = checkWith(HealthCheck.http("/health", { port: "probe", expose: true }), {
      ports: { probe: Port.dynamic() },
    });
    expect(check).toMatchObject({ PortLabel: "probe", Expose: true });
  });

  test("of gRPC at another port asks the server itself", () => {
    const check = checkWith(HealthCheck.grpc({ port: 9000, tls: true, tlsServerName: "web", tlsSkipVerify: true }));
    expect(check).toMatchObject({
      PortLabel: "9000",
      AddressMode: "alloc",
      GRPCUseTLS: true,
      TLSServerName: "web",
      TLSSkipVerify: true,
    });
    expect(check).not.toHaveProperty("Path");
  });

  test("can be asked by TLS", () => {
    const options = { port: 9443, tls: true, tlsServerName: "web", tlsSkipVerify: true, addressMode: "host" } as const;
    expect(checkWith(HealthCheck.http("/health", options))).toMatchObject({
      Protocol: "https",
      TLSServerName: "web",
      TLSSkipVerify: true,
      AddressMode: "host",
    });
  });

  test("may be about one task of the group, which alone it restarts", () => {
    const options = { task: "web", checkRestart: { limit: 2 } };
    expect(checkWith(HealthCheck.http("/health", options))).toMatchObject({
      TaskName: "web",
      CheckRestart: { Limit: 2 },
    });
    expect(() => checkWith(HealthCheck.http("/health", { task: "nope" }))).toThrow(/check "web http" > task is "nope"/);
  });

  test("says what Consul is to make of it", () => {
    const options = {
      failuresBeforeWarning: 1,
      failuresBeforeCritical: 3,
      initialStatus: "passing",
      notes: "Why.",
    } as const;
    expect(checkWith(HealthCheck.http("/health", options))).toMatchObject({
      FailuresBeforeWarning: 1,
      FailuresBeforeCritical: 3,
      InitialStatus: "passing",
      Notes: "Why.",
    });
  });
});

test("a native service is its task, and scripts of any service run in its task", () => {
  expect(serviceWith({ connectNative: true }).TaskName).toBe("web");
  const service = serviceWith({ healthCheck: HealthCheck.script("/bin/check") });
  expect(service.TaskName).toBeUndefined();
  expect(only(service.Checks).TaskName).toBe("web");
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  HashPolicy,
  HttpPermission,
  JwtKeys,
  JwtLocation,
  LoadBalancer,
  Sidecar,
  silence,
  Template,
  Workload,
  type MeshService,
  type MeshServiceBaseProps,
  type ServiceMesh,
} from "../../../constructs";

/** Public keys, in the format of a JSON Web Key Set. */
export interface KeySets {
  /** Those that are in the config entry. */
  readonly local: { readonly keys: readonly object[] };
  /** Those that a task serves, by HTTP and by HTTPS. */
  readonly remote: { readonly keys: readonly object[] };
  /** PEM of the certificate of that task and of its key, of the authority that has signed it, and of another one. */
  readonly tls: Readonly<Record<"certificate" | "key" | "authority" | "otherAuthority", string>>;
}

/**
 * Services that require tokens: `guarded` for every request, of one of several providers, and `graded` for some requests. The service `prober`
 * reaches others by intentions for every service; `spared` denies it.
 */
export function addGuarded(
  mesh: ServiceMesh,
  client: MeshService,
  keys: KeySets,
  props: (version: string) => MeshServiceBaseProps,
): void {
  const login = mesh.addJwtProvider("login", {
    issuer: "https://login.example.com",
    audiences: ["shop", "stock"],
    keys: JwtKeys.local(keys.local),
    locations: [
      JwtLocation.header("authorization", { valuePrefix: "Bearer " }),
      JwtLocation.query("token"),
      JwtLocation.cookie("session"),
    ],
    forwarding: { header: "x-claims" },
  });
  const partner = mesh.addJwtProvider("partner", {
    issuer: "https://partner.example.com",
    keys: JwtKeys.remote({
      // A task in the same allocation, by a name that Envoy has to look up.
      uri: "http://localhost:9431/jwks.json",
      retry: { numRetries: 5, baseInterval: "1s", maxInterval: "2s" },
      connectTimeout: "1s",
    }),
    locations: [JwtLocation.header("x-partner-token", { forward: true })],
  });
  const [bank, impostor] = (["authority", "otherAuthority"] as const).map((name) =>
    mesh.addJwtProvider(name === "authority" ? "bank" : "impostor", {
      issuer: "https://partner.example.com",
      keys: JwtKeys.remote({
        uri: "https://localhost:9432/jwks.json",
        connectTimeout: "1s",
        authority: { pem: keys.tls[name] },
      }),
      locations: [JwtLocation.header(name === "authority" ? "x-bank-token" : "x-impostor-token")],
    }),
  );

  const guarded = mesh.addService("guarded", {
    ...props("guarded"),
    tasks: { keys: keyServer(keys) },
  });
  guarded.requireJwt(
    {
      provider: login,
      claims: [
        { path: ["realm", "team"], value: "shop" },
        { path: ["role"], value: "buyer" },
      ],
    },
    { provider: partner },
    { provider: bank },
    { provider: impostor },
  );
  client.connectTo(guarded, { env: "GUARDED" });

  const graded = mesh.addService("graded", props("graded"));
  client.connectTo(graded, {
    env: "GRADED",
    permissions: [
      HttpPermission.allow({ pathPrefix: "/admin" }).requireJwt({
        provider: login,
        claims: [{ path: ["role"], value: "admin" }],
      }),
      HttpPermission.allow({ pathPrefix: "/orders" }).requireJwt({ provider: login }),
      HttpPermission.get(),
    ],
  });

  // The hosts of a lab have room for few more Envoys of the default size.
  const sidecar = Sidecar.exec({ resources: { cpuMhz: 100 } });
  const spared = mesh.addService("spared", { ...props("spared"), sidecar, count: 2 });
  spared.resolve({ loadBalancer: LoadBalancer.ringHash([HashPolicy.sourceIp()]) });
  const prober = mesh.addService("prober", { ...props("prober"), sidecar });
  for (const [service, localBindPort] of [
    [guarded, 9501],
    [graded, 9502],
    [spared, 9503],
  ] as const) {
    prober.addUpstream(service, { localBindPort });
  }
  // All but one.
  spared.allowFrom("*");
  spared.denyFrom(prober);
  client.addUpstream(spared, { env: "SPARED" });
  const every = mesh.addWildcardDestination("every-service");
  every.allowFrom(prober);
  every.denyFrom("*");
  for (const check of [
    "upstream-without-intention",
    "wildcard-allow",
    "wildcard-destination",
    "bypassed-token",
    "ineffective-denial",
  ]) {
    silence(mesh, check, "It is a test.");
  }
}

/** Serves keys inside an allocation, on the ports 9431 and 9432. */
function keyServer({ remote, tls: { certificate, key } }: KeySets): Workload {
  return Workload.exec({
    ...{ driver: "raw_exec", command: "node", args: ["${NOMAD_TASK_DIR}/keys.mjs"] },
    env: { JWKS: JSON.stringify(remote), CERTIFICATE: certificate, KEY: key },
    templates: [
      Template.text(readFileSync(join(__dirname, "keys.mjs"), "utf8"), {
        ...{ destination: "local/keys.mjs", leftDelimiter: "[[", rightDelimiter: "]]" },
      }),
    ],
  });
}

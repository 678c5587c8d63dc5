import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  HttpPermission,
  JwtKeys,
  JwtLocation,
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
  /** Those that a task serves. */
  readonly remote: { readonly keys: readonly object[] };
}

/**
 * Services that require tokens: `guarded` for every request, of one of two providers, and `graded` for some requests. The service `prober`
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

  const guarded = mesh.addService("guarded", {
    ...props("guarded"),
    tasks: { keys: keyServer(keys.remote) },
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

  const spared = mesh.addService("spared", props("spared"));
  const prober = mesh.addService("prober", props("prober"));
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

/** Serves keys inside an allocation, on port 9431. */
function keyServer(keys: KeySets["remote"]): Workload {
  return Workload.exec({
    ...{ driver: "raw_exec", command: "node", args: ["${NOMAD_TASK_DIR}/keys.mjs"] },
    env: { JWKS: JSON.stringify(keys) },
    templates: [
      Template.text(readFileSync(join(__dirname, "keys.mjs"), "utf8"), {
        ...{ destination: "local/keys.mjs", leftDelimiter: "[[", rightDelimiter: "]]" },
      }),
    ],
  });
}

import type { App } from "cdktf";
import {
  HttpPermission,
  JwtKeys,
  MeshService,
  Protocol,
  ServiceMesh,
  silence,
  Workload,
  type HasProviderName,
} from "../../constructs";
import { readReport } from "../../constructs/checks/report";
import { diffMeshes, isEmpty, type MeshDiff, type Synthesis } from "../../graph/diff";
import { renderDiff } from "../../graph/diff-text";
import { readStacks } from "../../lab/apply/synthesized";
import { TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

interface Shop {
  readonly mesh: ServiceMesh;
  readonly web: MeshService;
  readonly orders: MeshService;
  readonly ledger: MeshService;
}

const http = { port: 80, protocol: Protocol.HTTP, workload: anyWorkload };

/** A shop of which each app is a variant. */
function synthesized(
  vary: (shop: Shop) => void,
  web: Partial<Parameters<ServiceMesh["addService"]>[1]> = {},
): Synthesis {
  const app: App = testApp();
  const mesh = new ServiceMesh(new TestStack(app, "shop"), "mesh");
  const orders = mesh.addService("orders", http);
  const ledger = mesh.addService("ledger", http);
  const shop = { mesh, orders, ledger, web: mesh.addService("web", { ...http, ...web }) };
  shop.web.connectTo(orders, { permissions: [HttpPermission.get("/v1")] });
  orders.connectTo(ledger);
  vary(shop);
  app.synth();
  return { stacks: readStacks(app.outdir), report: readReport(app.outdir) };
}

/** Services of other teams. */
function strangers(mesh: ServiceMesh) {
  return [
    MeshService.fromServiceName(mesh, "auditor", "auditor"),
    MeshService.fromServiceName(mesh, "clerk", "clerk"),
  ] as const;
}

const same = () => synthesized(() => undefined);

function changes(after: Synthesis, before = same()): MeshDiff {
  return diffMeshes(before, after);
}

test("nothing changes between two syntheses of the same app", () => {
  const diff = changes(same());
  expect(isEmpty(diff)).toBe(true);
  expect(renderDiff(diff, "text")).toBe("Nothing changes.");
});

test("a new connection is authority, of which the Envoy of its source is told without a restart, unless a task is given a variable", () => {
  const diff = changes(synthesized(({ web, ledger }) => web.connectTo(ledger)));
  expect(renderDiff(diff, "text")).toBe(
    [
      "Can reach more:",
      "  web → ledger: every request; before: nothing",
      "",
      "Jobs:",
      "  web changes without a restart: web: Services",
    ].join("\n"),
  );
  expect(changes(synthesized(({ web, ledger }) => web.connectTo(ledger, { env: "LEDGER" }))).jobs).toEqual([
    { job: "web", change: "restarts", because: ["web/web: Env"] },
  ]);
});

describe("a token", () => {
  const guarded = (require: (shop: Shop, login: HasProviderName) => void) =>
    synthesized((shop) => require(shop, shop.mesh.addJwtProvider("login", PROVIDER)));
  const PROVIDER = { issuer: "https://login.example.com", keys: JwtKeys.file("/keys.json") };
  const role = (value: string) => ({ claims: [{ path: ["realm", "role"], value }] });
  const ofService = guarded(({ orders }, provider) => orders.requireJwt({ provider, ...role("admin") }));
  const ofAnyRole = guarded(({ orders }, provider) => orders.requireJwt({ provider }));
  const ofNone = guarded(() => undefined);

  test("that every request needs is less authority, and more again once it is dropped", () => {
    const rule = "only with a token of login with realm.role=admin";
    expect(changes(ofService, ofNone).access).toMatchObject([
      { source: "web", isWider: false, after: { rules: [rule, expect.any(String), expect.any(String)] } },
    ]);
    expect(changes(ofNone, ofService).access).toMatchObject([{ source: "web", isWider: true }]);
  });

  test("whose claims are dropped is more authority", () => {
    expect(changes(ofAnyRole, ofService).access).toMatchObject([{ source: "web", isWider: true }]);
  });

  test("of some requests is less authority, and more once it is dropped", () => {
    const pay = (permission: (provider: HasProviderName) => HttpPermission) =>
      guarded(({ web, ledger }, provider) => {
        web.connectTo(ledger, { permissions: [permission(provider), HttpPermission.allow({ pathExact: "/" })] });
      });
    const exact = HttpPermission.allow({ pathExact: "/pay" });
    const [withToken, without] = [pay((provider) => exact.requireJwt({ provider })), pay(() => exact)];
    expect(changes(withToken, without).access).toMatchObject([{ destination: "ledger", isWider: false }]);
    expect(changes(without, withToken).access).toMatchObject([{ destination: "ledger", isWider: true }]);
  });
});

test("an intention for every service is authority of its own, in words that say so", () => {
  const diff = changes(
    synthesized(({ mesh, web }) => {
      silence(mesh, "wildcard-destination", "It is a test.");
      mesh.addWildcardDestination("every").allowFrom(web);
    }),
  );
  expect(renderDiff(diff, "text")).toContain("  web → every service: every request; before: nothing");
});

test("a wider permission, a narrower one and a closed door are told apart", () => {
  const before = synthesized(({ mesh, ledger }) => {
    const [auditor, clerk] = strangers(mesh);
    ledger.allowFrom(auditor, { permissions: [HttpPermission.get("/a"), HttpPermission.get("/b")] });
    ledger.allowFrom(clerk);
  });
  const after = synthesized(({ mesh, web, ledger, orders }) => {
    const [auditor, clerk] = strangers(mesh);
    ledger.allowFrom(auditor, { permissions: [HttpPermission.get("/a")] });
    orders.allowFrom(clerk, { permissions: [HttpPermission.post("/v1")] });
    web.connectTo(orders, { permissions: [HttpPermission.get("/v1"), HttpPermission.delete("/v1")] });
  });
  const { access } = changes(after, before);
  expect(access.map(({ source, destination, isWider }) => [source, destination, isWider])).toEqual([
    ["auditor", "ledger", false],
    ["clerk", "ledger", false],
    ["clerk", "orders", true],
    ["web", "orders", true],
  ]);
});

test("an intention for every service counts for those that have none of their own any more", () => {
  const everyone = ({ ledger }: Shop) => {
    ledger.allowFrom("*");
    silence(ledger, "wildcard-allow", "Everybody reads the ledger.");
  };
  const diff = changes(synthesized(everyone));
  expect(diff.access).toMatchObject([{ source: "*", destination: "ledger", isWider: true, after: { allowed: "all" } }]);
  expect(renderDiff(diff, "markdown")).toBe(
    [
      "### Can reach more\n",
      "- every service → ledger: every request; before: nothing",
      "",
      "### Newly silenced checks\n",
      "- shop/mesh/ledger: wildcard-allow is silenced (1 finding): Everybody reads the ledger.",
    ].join("\n"),
  );
});

test("of a job it says what makes instances restart, and which ports of nodes are opened", () => {
  const other = synthesized(() => undefined, {
    workload: Workload.docker({ image: "example/app:2" }),
    count: 2,
    publish: 8080,
  });
  expect(changes(other)).toMatchObject({
    access: [],
    jobs: [
      {
        job: "web",
        change: "restarts",
        because: expect.arrayContaining(["web: Networks", "web/web: Config"]) as string[],
      },
    ],
    ports: [{ change: "added", job: "web", port: 8080 }],
  });
  expect(changes(synthesized(() => undefined, { count: 2 })).jobs).toEqual([
    { job: "web", change: "in place", because: ["web: Count", "web: Update"] },
  ]);
});

test("traffic rules and removed services are seen", () => {
  const before = synthesized(({ mesh, web }) => web.connectTo(mesh.addService("old", http)));
  const after = synthesized(({ orders, ledger }) => {
    orders.route({ match: { pathPrefix: "/ledger" }, to: ledger });
  });
  const { access, jobs, entries } = changes(after, before);
  expect(access).toMatchObject([
    { source: "web", destination: "ledger", isWider: true },
    { source: "web", destination: "old", isWider: false, after: { allowed: "no" } },
  ]);
  expect(jobs).toEqual([
    { job: "old", change: "removed", because: [] },
    { job: "web", change: "in place", because: ["web: Services"] },
  ]);
  expect(entries.map(({ change, kind, name }) => `${change} ${kind}/${name}`)).toEqual([
    "removed service-defaults/old",
    "added service-router/orders",
  ]);
});

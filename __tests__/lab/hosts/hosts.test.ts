import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { bootScript, supervisorConfiguration, unitScript } from "../../../lab/hosts/boot-script";
import { composeHost } from "../../../constructs/linux/compose-host";
import type { HostData, HostUnit } from "../../../constructs/linux/host";
import { commandLine } from "../../../constructs/linux/shell";
import { LabFiles } from "../../../lab/core/lab-files";
import { topologyOf } from "../../../lab/hosts/topology";
import type { Engines } from "../../../lab/machine/engines/engine";
import { labHosts } from "../../../lab/hosts/host-data";
import { labVaultHost } from "../../../lab/hosts/vault-host";

const engine = (name: keyof Engines, path: string) => ({ name, version: "1.0.0", path, origin: "PATH" as const });
const engines: Engines = {
  consul: engine("consul", "/cache/consul"),
  nomad: engine("nomad", "/cache/nomad"),
  envoy: engine("envoy", "/cache/envoy"),
  cni: engine("cni", "/cache/cni"),
  supervisor: engine("supervisor", "/cache/supervisor"),
};
const files = new LabFiles("test");
const unit: HostUnit = { name: "agent", description: "An agent", command: ["/usr/local/bin/agent", "it's"] };

function sh(script: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync("sh", ["-c", script], { encoding: "utf8", timeout: 60_000 });
}

describe("the boot script of every host of a lab", () => {
  const datacenters = [...topologyOf("plain", 2).datacenters, ...topologyOf("secure").datacenters];
  const scripts = datacenters
    .flatMap((datacenter) => labHosts(datacenter, engines, files))
    .map((host) => bootScript({ ...host, host: host.data, folder: "/tmp/a lab/host", cgroup: "meshform.test.host" }));

  test.each(scripts)("is a script that the shell understands", (script) => {
    expect(sh(`sh -n <<'END'\n${script}\nEND`)).toMatchObject({ status: 0, stderr: "" });
  });

  test.each(scripts)("changes folders and settings only after they are the host's own", (script) => {
    const lines = script.split("\n");
    const first = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
    const covered = first(/^umount --lazy \/run\/machine$/);
    expect(covered).toBeGreaterThan(first(/^pivot_root \. run\/machine$/));
    for (const change of [/^ {2}rm -rf \//, /useradd/, /^install /, /^printf /]) {
      const line = first(change);
      if (line >= 0) expect(line).toBeGreaterThan(covered);
    }
  });

  test("removes nothing but what the host itself names under /etc and /opt", () => {
    const removals = scripts.flatMap((script) => [...script.matchAll(/rm -rf (.*)/g)].map(([, paths]) => paths));
    for (const path of removals.flatMap((paths) => paths.split(" "))) expect(path).toMatch(/^\/(etc|opt)\/\w/);
  });
});

describe("the hosts of a lab", () => {
  const hosts = labHosts(topologyOf("plain").datacenters[0], engines, files);

  test("show each engine where the host's data wants it, and Node for the tasks", () => {
    const client = hosts.find(({ data }) => data.name === "client-1");
    expect(client?.programs).toEqual({
      "/usr/local/bin/consul": { folder: "/cache", program: "consul" },
      "/usr/local/bin/nomad": { folder: "/cache", program: "nomad" },
      "/usr/local/bin/envoy": { folder: "/cache", program: "envoy" },
      "/opt/cni/bin": { folder: "/cache/cni" },
      "/usr/local/bin/node": { folder: dirname(process.execPath), program: "node" },
    });
  });

  test("hold back the Nomad clients until the servers can take them", () => {
    expect(hosts.map(({ data, heldUnits }) => [data.name, heldUnits])).toEqual([
      ["server-1", []],
      ["client-1", ["nomad"]],
      ["client-2", ["nomad"]],
    ]);
  });
});

describe("the hosts of a lab with a Vault", () => {
  const topology = { ...topologyOf("plain", 2), vault: true };
  const [first, second] = topology.datacenters.map((it) => labHosts(it, engines, files, { vault: true }));
  const vault = { ...engine("vault", "/cache/vault"), origin: "cache" as const };
  const content = (data: HostData, path: string) => data.files.find((it) => it.path === path)?.content ?? "{}";

  test("have each Nomad agent log in to it where the identities of its own datacenter are known", () => {
    for (const [hosts, path] of [
      [first, "jwt-nomad"],
      [second, "jwt-nomad-dc2"],
    ] as const) {
      for (const { data } of hosts) {
        expect(JSON.parse(content(data, "/etc/nomad.d/nomad.json"))).toMatchObject({
          vault: { address: "https://vault-1:8200", ca_file: "/etc/vault/ca.pem", jwt_auth_backend_path: path },
        });
        expect(content(data, "/etc/hosts")).toContain("10.200.0.50 vault-1\n");
      }
    }
  });

  test("have it on a host of its own, which unseals it with a key that is in no argument", () => {
    const { data, programs, address, shares } = labVaultHost(vault, topology, engines, files);
    expect([data.name, address]).toEqual(["vault-1", "10.200.0.50"]);
    expect(data.units.map(({ name }) => name)).toEqual(["vault", "vault-unseal"]);
    expect(JSON.stringify(data.units)).toContain("key=@/var/lib/meshform/vault/key");
    expect(shares).toEqual({ "/var/lib/meshform/vault": join(files.folder, "vault", "unseal") });
    expect(programs).toEqual({
      "/usr/local/bin/vault": { folder: "/cache", program: "vault" },
      "/usr/local/lib/vault-plugins": { folder: "/cache" },
    });
    expect(JSON.parse(content(data, "/etc/vault.d/vault.json"))).toMatchObject({
      api_addr: "https://10.200.0.50:8200",
      plugin_directory: "/usr/local/lib/vault-plugins",
      storage: { raft: { path: "/opt/vault", node_id: "vault-1" } },
    });
  });
});

describe("the script of a unit", () => {
  test("hands on every argument and variable literally", () => {
    const script = unitScript(
      { ...unit, command: ["/bin/echo", "$HOME `x` \"y\" 'z'"], environment: { GREETING: "it's $HOME" } },
      [],
      false,
    );
    expect(sh(script.replace("exec", 'echo "$GREETING"; exec')).stdout).toBe("it's $HOME\n$HOME `x` \"y\" 'z'\n");
  });

  test("waits until a local port listens", () => {
    const waiting = unitScript({ ...unit, command: ["/bin/echo", "started"], waitForPorts: [59998] }, [], false);
    const listener = `require("node:net").createServer().listen(59998, "127.0.0.1"); setTimeout(process.exit, 1000)`;
    const { stdout } = sh(
      `(sleep 0.4; echo listening; exec ${commandLine([process.execPath, "-e", listener])}) & ${waiting}`,
    );
    expect(stdout).toBe("listening\nstarted\n");
  });

  test("hands over to what runs permanently, and stays with what runs once", () => {
    expect(unitScript(unit, [], false)).toContain(`exec /usr/local/bin/agent 'it'\\''s'\n`);
    expect(unitScript({ ...unit, oneshot: true }, [], false)).not.toContain("exec ");
  });
});

describe("the supervisor's configuration", () => {
  const units = [
    { ...unit, name: "second", after: ["first"], killSignal: "SIGINT" as const, killMode: "process" as const },
    { ...unit, name: "first", user: "someone" },
  ];
  const configuration = supervisorConfiguration(composeHost("host", { units }));

  test("starts units in the order that they ask for", () => {
    expect(configuration).toMatch(/\[program:first\][^[]*priority = 0[^[]*\[program:second\][^[]*priority = 1/);
  });

  test("runs each as its user and ends it as it wants", () => {
    expect(configuration).toMatch(/\[program:first\][^[]*user = someone[^[]*stopsignal = TERM[^[]*killasgroup = true/);
    expect(configuration).toMatch(/\[program:second\][^[]*user = root[^[]*stopsignal = INT[^[]*killasgroup = false/);
  });

  test("fails if units wait for each other", () => {
    const circle = [
      { ...unit, name: "a", after: ["b"] },
      { ...unit, name: "b", after: ["a"] },
    ];
    expect(() => supervisorConfiguration(composeHost("host", { units: circle }))).toThrow("a → b → a");
  });
});

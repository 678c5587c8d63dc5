import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parse } from "yaml";
import { awsPlatform, cloudInit, type HostFile } from "../../constructs";
import { unitFiles } from "../../constructs/linux/systemd";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import type { Engines } from "../../lab/machine/engines/engine";
import { run } from "../support/lab";
import { DISTRIBUTIONS, HOSTS } from "../support/rendered-hosts";

jest.setTimeout(120_000);

interface CloudConfig {
  readonly write_files: readonly { readonly path: string; readonly content: string }[];
  readonly runcmd: readonly string[];
}

let engines: Engines;
let folder: string;

beforeAll(async () => {
  engines = await ensureEngines();
}, 20 * 60_000);

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "meshform-rendering-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** What a tool finds wrong, nothing if it succeeds. */
async function complaints(command: string, args: readonly string[], env?: Record<string, string>): Promise<string> {
  const { code, output } = await run(command, args, { env });
  return code === 0 ? "" : output;
}

describe.each(HOSTS)("%s", (_, host) => {
  describe.each(DISTRIBUTIONS)("on %s", (distribution) => {
    const rendered = cloudInit(host, { distribution, platform: awsPlatform });
    const { write_files, runcmd } = parse(rendered.text, { version: "1.1" }) as CloudConfig;

    test("cloud-init finds the user data right", async () => {
      const file = write("user-data", rendered.text);
      expect(await complaints("cloud-init", ["schema", "--config-file", file])).toBe("");
    });

    test("nothing in it is a secret", () => {
      const secrets = /PRIVATE KEY|"(encrypt|secret_key|\w*_?token|key_pem)": "|(AWS_SECRET|_TOKEN)\w*=\S/;
      for (const { path, content } of write_files.filter(({ path }) => !path.endsWith("/meshform-host"))) {
        expect({ path, secret: secrets.exec(content)?.[0] }).toEqual({ path, secret: undefined });
      }
    });

    test("shellcheck finds nothing in any script", async () => {
      const scripts = [
        { path: "runcmd", content: ["#!/bin/sh", ...runcmd, ""].join("\n") },
        ...write_files.filter(({ content }) => /^#!\S*\/(env )?(ba)?sh\b/.test(content)),
        ...unitFiles(host).flatMap(shellOf),
      ];
      expect(scripts.map(({ path }) => path)).toContain("/usr/local/lib/meshform/boot");
      const files = scripts.map(({ path, content }, index) => write(`${index}${basename(path)}`, content));
      expect(await complaints("shellcheck", files)).toBe("");
    });
  });

  test("systemd finds the units right", async () => {
    const files = unitFiles(host).map(({ path, content }) => write(`units/${basename(path)}`, content));
    // They need the unit that prepares the host, and their programs are not on this machine.
    write("units/meshform-boot.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n");
    const found = await complaints("systemd-analyze", ["verify", "--man=no", ...files], {
      SYSTEMD_UNIT_PATH: `${join(folder, "units")}:`,
    });
    expect(found.split("\n").filter((line) => line !== "" && !/ is not executable: No such file /.test(line))).toEqual(
      [],
    );
  });

  test("Consul and Nomad find their configuration right", async () => {
    for (const { path, content } of host.files) write(path, content);
    const directories = host.directories.map(({ path }) => path);
    const commands = [
      ["/etc/consul.d", engines.consul.path, "validate"],
      ["/etc/nomad.d", engines.nomad.path, "config", "validate"],
    ].filter(([path]) => directories.includes(path));
    expect(commands).not.toEqual([]);
    for (const [path, ...command] of commands) {
      // A network of its own, in which the templates find an address.
      const network =
        "ip link add eth0 type veth peer name eth1; ip address add 10.0.0.5/24 dev eth0; ip link set eth0 up";
      const inside = ["--net", "sh", "-ec", `${network}; exec "$@"`, "sh", ...command, join(folder, path)];
      expect(await complaints("unshare", inside)).toBe("");
    }
  });
});

/** The shell scripts in the command lines of a unit, as systemd hands them on. */
function shellOf({ path, content }: HostFile): HostFile[] {
  return [...content.matchAll(/^Exec\w+=.*?\/bin\/(sh|bash) -c "((?:[^"\\]|\\.)*)"/gm)].map(([, shell, script]) => ({
    path,
    content: `#!/bin/${shell}\n${script.replace(/\\(.)/g, "$1").replaceAll("$$", "$").replaceAll("%%", "%")}\n`,
  }));
}

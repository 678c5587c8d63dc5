import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack, type App } from "cdktf";
import { allocateLocalPort } from "../constructs/model/local-ports";
import { IMAGE, MESH_STACK, NEXT_URL, PORT, type RingService } from "./ring";

/** What somebody without Meshform has to know, and to keep right, of each service. */
interface PlainService {
  readonly name: string;
  readonly stack: string;
  readonly upstreams: readonly { readonly destination: string; readonly localPort: number }[];
  readonly sources: readonly string[];
}

/** The same resources in the provider bindings' own terms: objects, `JSON.stringify`, and manual ports and sources. */
export function buildPlain(app: App, services: readonly PlainService[]): void {
  const meshStack = stackWithProviders(app, MESH_STACK);
  const stacks = new Map([[MESH_STACK, meshStack]]);
  const proxyDefaults = new ConfigEntry(meshStack, "proxy-defaults", {
    kind: "proxy-defaults",
    name: "global",
    configJson: JSON.stringify({ TransparentProxy: {}, AccessLogs: {} }),
  });
  for (const service of services) {
    const { name, sources } = service;
    const stack = stacks.get(service.stack) ?? stackWithProviders(app, service.stack);
    stacks.set(service.stack, stack);
    const intentions = new ConfigEntry(stack, `${name}-intentions`, {
      kind: "service-intentions",
      name,
      configJson: JSON.stringify({
        Sources: sources.map((source) => ({ Name: source, Action: "allow", Precedence: 9, Type: "consul" })),
      }),
    });
    const defaults = new ConfigEntry(stack, `${name}-defaults`, {
      kind: "service-defaults",
      name,
      configJson: JSON.stringify({
        TransparentProxy: {},
        UpstreamConfig: { Defaults: { PassiveHealthCheck: { MaxEjectionPercent: 50 } } },
        Protocol: "http",
      }),
      dependsOn: [intentions],
      lifecycle: { createBeforeDestroy: true },
    });
    new Job(stack, `${name}-job`, {
      jobspec: JSON.stringify(jobOf(service)).replaceAll("${", () => "$${"),
      json: true,
      rerunIfDead: true,
      dependsOn: stack === meshStack ? [defaults, proxyDefaults] : [defaults],
    });
  }
  for (const stack of stacks.values()) {
    if (stack !== meshStack) {
      stack.addDependency(meshStack);
    }
  }
}

function stackWithProviders(app: App, name: string): TerraformStack {
  const stack = new TerraformStack(app, name);
  new ConsulProvider(stack, "consul");
  new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
  return stack;
}

/** What a person would have looked up and written down; not part of what is measured. */
export function plainServicesOf(ring: readonly RingService[]): PlainService[] {
  const sources = new Map<string, string[]>(ring.map(({ name }) => [name, []]));
  for (const { name, targets } of ring) {
    for (const target of targets) {
      sources.get(target)?.push(name);
    }
  }
  return ring.map(({ name, stack, targets }) => {
    const taken = new Set([PORT]);
    const upstreams = targets.map((destination) => {
      const localPort = allocateLocalPort(destination, taken);
      taken.add(localPort);
      return { destination, localPort };
    });
    return { name, stack, upstreams, sources: (sources.get(name) ?? []).sort() };
  });
}

function jobOf({ name, upstreams }: PlainService): unknown {
  const variable = `NOMAD_UPSTREAM_ADDR_${upstreams[0].destination.replaceAll("-", "_")}`;
  return {
    ID: name,
    Name: name,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: name,
        Count: 1,
        Update: { Canary: 1, AutoPromote: true },
        RestartPolicy: { Attempts: 10, Interval: 1_800_000_000_000, Delay: 1_000_000_000, Mode: "fail" },
        ShutdownDelay: 3_000_000_000,
        Networks: [{ Mode: "bridge" }],
        Services: [
          {
            Name: name,
            PortLabel: String(PORT),
            Provider: "consul",
            Checks: [
              {
                Name: `${name} http`,
                Interval: 2_000_000_000,
                Timeout: 2_000_000_000,
                Type: "http",
                Path: "/health",
                Expose: true,
              },
            ],
            Connect: {
              SidecarService: {
                Proxy: {
                  Upstreams: upstreams.map(({ destination, localPort }) => ({
                    DestinationName: destination,
                    LocalBindPort: localPort,
                  })),
                },
              },
              SidecarTask: {
                ShutdownDelay: 1_000_000_000,
                Resources: { CPU: 250, MemoryMB: 128 },
                LogConfig: { MaxFiles: 2, MaxFileSizeMB: 2 },
              },
            },
          },
        ],
        Tasks: [
          { Name: name, Driver: "docker", Config: { image: IMAGE }, Env: { [NEXT_URL]: `http://\${${variable}}` } },
        ],
      },
    ],
  };
}

import {
  awsPlatform,
  ConsulServers,
  instanceFact,
  NomadClients,
  NomadServers,
  composeHost,
  type ConsulServersProps,
  type Distribution,
  type HostData,
  type NomadClientsProps,
  type SecretStore,
} from "../../constructs";
import { consulClient } from "../../constructs/linux/consul-client";
import { consulServer } from "../../constructs/linux/consul-server";
import { nomadClient } from "../../constructs/linux/nomad-client";
import { nomadServer } from "../../constructs/linux/nomad-server";
import { DEFAULT_VERSIONS } from "../../constructs/linux/versions";
import { TestStack } from "./synth";

const retryJoin = ["provider=aws tag_key=meshform tag_value=prod"];
const { consul, nomad, envoy, cni, consulCni } = DEFAULT_VERSIONS;
const plain = { profile: "plain", retryJoin } as const;

/** Every role, in every way in which options change what is rendered. A new option belongs here. */
export const HOSTS: readonly (readonly [string, HostData])[] = [
  ["plain Consul server", compose(consulServer({ ...plain, version: consul, bootstrapExpect: 3 }))],
  ["plain Nomad server", compose(nomadServer({ ...plain, version: nomad, bootstrapExpect: 3 }))],
  ["plain Consul client", compose(consulClient({ ...plain, version: consul }))],
  [
    "plain Nomad client with everything",
    compose(
      consulClient({ ...plain, version: consul, nodeMeta: { zone: "a" }, clientAddresses: ["127.0.0.2"] }),
      nomadClient({
        ...plain,
        version: nomad,
        cniVersion: cni,
        consulCniVersion: consulCni,
        networkInterface: "eth0",
        nodePool: "edge",
        nodeClass: "small",
        meta: { zone: "a" },
        fingerprintDenylist: ["env_aws"],
        chrootEnv: { "/usr": "/usr" },
        rawExec: true,
      }),
      { packages: [{ name: "envoy", version: envoy, installTo: "/usr/local/bin" }] },
    ),
  ],
  ["secure servers of both kinds", cluster().consul],
  ["secure clients with Docker", cluster().clients],
  ["secure clients without Docker", cluster({ clients: { docker: false, consulCni: true } }).clients],
  [
    "secure servers with a directory of secrets",
    cluster({ store: { type: "directory", path: "/srv/secrets" } }).consul,
  ],
  [
    "secure servers with settings of one's own",
    cluster({
      servers: {
        snapshots: { store: { type: "directory", path: "/srv/snapshots" }, everySeconds: 60, retain: 3 },
        override: { dns_config: { node_ttl: "10s" } },
        extra: extra(),
      },
    }).consul,
  ],
  [
    "secure servers with facts that only Terraform knows",
    cluster({ servers: { nodeMeta: { zone: instanceFact("zone", "a") } } }).consul,
  ],
  [
    "secure clients with disks, which follow notices",
    cluster({
      clients: { lifecycleNotices: true, volumes: [{ name: "nomad", mountPoint: "/opt/nomad", sizeGib: 50 }] },
    }).clients,
  ],
  [
    "secure clients with settings of one's own",
    cluster({ clients: { override: { disable_update_check: true } } }).clients,
  ],
];

export const DISTRIBUTIONS: readonly Distribution[] = ["debian-12", "ubuntu-24.04"];

function compose(...roles: Parameters<typeof composeHost> extends [string, ...infer R] ? R : never): HostData {
  return composeHost("group", ...roles);
}

function extra(): ConsulServersProps["extra"] {
  return {
    files: [{ path: "/usr/local/bin/greet", mode: "0755", content: '#!/bin/sh\necho "Hello, $1."\n' }],
    steps: ["/usr/local/bin/greet world"],
    units: [
      { name: "greeter", description: "A greeter", command: ["/usr/local/bin/greet", "it's", "$me"], everySeconds: 60 },
    ],
  };
}

interface ClusterOptions {
  readonly store?: SecretStore;
  readonly servers?: Partial<ConsulServersProps>;
  readonly clients?: Partial<NomadClientsProps>;
}

function cluster({ store, servers, clients }: ClusterOptions = {}): { consul: HostData; clients: HostData } {
  const stack = new TestStack();
  const secretStore = store ?? { type: "aws-secrets-manager", prefix: "meshform/prod/", region: "eu-central-1" };
  const consulServers = new ConsulServers(stack, "servers", {
    platform: awsPlatform,
    join: retryJoin,
    secretStore,
    ...servers,
  });
  const vault = { address: "https://vault.example.com:8200", caFile: "/etc/ssl/vault.pem" };
  const nomadServers = new NomadServers(stack, "schedulers", { consul: consulServers, vault });
  const nomadClients = new NomadClients(stack, "clients", { nomad: nomadServers, ...clients });
  return { consul: consulServers.host, clients: nomadClients.host };
}

import type { ImportedService, ImportedUpstream } from "./upstream";

/** What is known of an imported app. */
interface Imported {
  readonly services: readonly ImportedService[];
  readonly upstreams: readonly (ImportedUpstream & { readonly target: ImportedService | undefined })[];
  /** Names of services that are gateways. */
  readonly gateways: readonly string[];
  /** Ids of jobs with an `override`. */
  readonly jobsWithOverrides: readonly string[];
  /** Where values look like secrets. */
  readonly secrets: readonly string[];
  /** What the cluster has in Consul; `undefined` if the jobs are from files. */
  readonly cluster: ImportedCluster | undefined;
}

/** What is known of the config entries of an imported cluster. */
interface ImportedCluster {
  /** Names of services for which Consul has no intention. */
  readonly withoutIntention: readonly string[];
  /** Names of services for which Consul has no service-defaults. */
  readonly withoutDefaults: readonly string[];
  /** Names of services whose intentions have their sources in another order in Consul. */
  readonly reordered: readonly string[];
  /** Entries that the app does not contain, with the reasons. */
  readonly leftOut: readonly string[];
  readonly hasProxyDefaults: boolean;
}

/** What the job files do not tell, as sentences that name what to add. */
export function unknownsOf({ services, upstreams, gateways, jobsWithOverrides, secrets, cluster }: Imported): string[] {
  const sourcesOf = (name: string) => [
    ...new Set(upstreams.filter(({ target }) => target?.name === name).map(({ source }) => source)),
  ];
  const reach = (destinations: readonly ImportedService[]) => {
    const names = destinations.map(({ name }) => name);
    const unreachable = names.filter((name) => sourcesOf(name).length === 0);
    const reached = names.filter((name) => !unreachable.includes(name));
    return [
      ...reached.map((name) => `${listed(sourcesOf(name))} to ${name}`),
      ...(unreachable.length === 0 ? [] : [`none to ${listed(unreachable)}`]),
    ].join("; ");
  };
  const foreign = new Map<string, string[]>();
  for (const { source, upstream, target } of upstreams) {
    const { DestinationName = "" } = upstream;
    if (target === undefined) foreign.set(DestinationName, [...(foreign.get(DestinationName) ?? []), source]);
  }
  const listening = services.filter(({ service }) => (service.PortLabel ?? "") !== "");
  const withoutProtocol = listening.filter(({ protocolIsKnown }) => !protocolIsKnown).map(({ name }) => name);
  const anyDestination = services.filter(({ service: { Connect } }) => {
    return Connect?.Native === true || Connect?.SidecarService?.Proxy?.TransparentProxy !== undefined;
  });
  return [
    ...(secrets.length === 0
      ? []
      : [
          `These values look like secrets: ${listed(secrets)}. Move them to a secret store before you commit this file. See docs/secrets.md.`,
        ]),
    ...(listening.length === 0 || cluster !== undefined
      ? []
      : [
          `Which services can reach others. The app allows only the upstreams in the files: ${reach(listening)}. Add connectTo or allowFrom for others, and permissions where not all requests are allowed.`,
        ]),
    ...(withoutProtocol.length === 0
      ? []
      : [`The protocol of ${listed(withoutProtocol)}: the app uses tcp. Set \`protocol\` for http, http2 or grpc.`]),
    ...[...foreign].map(
      ([name, sources]) =>
        `Who owns ${name}, to which ${listed([...new Set(sources)])} connects: it is in none of these files, or in another datacenter. The app adds an upstream but no intention, so its owner must allow it.`,
    ),
    ...anyDestination.map(
      ({ name, service }) =>
        `Which services ${name} connects to: ${service.Connect?.Native === true ? "it is Connect native" : "it has a transparent proxy"}. Add connectTo for each of them, without localBindPort.`,
    ),
    ...(gateways.length === 0
      ? []
      : [
          `Which services the gateways reach, and which services reach them: ${listed(gateways)}. The graph of the app contains a gateway only if you replace its job with addMeshGateway, addTerminatingGateway, addIngressGateway or addApiGateway.`,
        ]),
    ...(cluster === undefined
      ? [
          "What is in Consul: the app writes service-defaults and service-intentions of each service, and proxy-defaults and mesh of the cluster. Compare them with `consul config list` before you deploy it.",
        ]
      : ofCluster(cluster)),
    ...(jobsWithOverrides.length === 0
      ? []
      : [
          `The meaning of fields that only \`override\` can express, in ${listed(jobsWithOverrides)}: the checks of the app know less of them.`,
        ]),
  ];
}

function ofCluster({
  withoutIntention,
  withoutDefaults,
  reordered,
  leftOut,
  hasProxyDefaults,
}: ImportedCluster): string[] {
  return [
    ...(withoutIntention.length === 0
      ? []
      : [
          `Consul has no intention for ${listed(withoutIntention)}. Its default applies: without ACLs, or if the default policy is allow, every service can reach them. Use connectTo instead of addUpstream to allow only some.`,
        ]),
    ...(withoutDefaults.length === 0
      ? []
      : [
          `Consul has no service-defaults for ${listed(withoutDefaults)}. The app adds them, with the protocol that the services have now.`,
        ]),
    ...(reordered.length === 0
      ? []
      : [
          `The intentions of ${listed(reordered)} have their sources in another order than Meshform writes them. The first deployment changes only the order, which has no meaning.`,
        ]),
    ...(hasProxyDefaults
      ? []
      : [
          "Consul has no proxy-defaults, and the app writes none. Remove `proxyDefaults: false` to set them for the whole mesh.",
        ]),
    ...leftOut.map((entry) => `The app does not contain ${entry}.`),
    "Other objects, such as ACL policies, auth methods, namespaces and volumes, are not imported.",
  ];
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}

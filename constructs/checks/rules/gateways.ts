import type { ExternalServiceRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { isIsolated } from "../../nomad/network";
import type { Check } from "../check";
import { gatewayOf, gatewaysIn, jobsIn } from "./records";
import { isToken } from "../../core/token";

const externalPlaintext: Check = {
  id: "external-plaintext",
  reason: "Without CA certificates, Envoy connects to an external service in plaintext and logs nothing about it.",
  level: "error",
  *find({ graph }) {
    for (const service of externalServicesIn(graph)) {
      const { tls, plaintext } = service;
      if (tls === undefined && (plaintext ?? "").trim() === "") {
        yield {
          at: service.key,
          problem: `Gateways would use plaintext for ${service.name}: it has neither tls nor a reason for plaintext.`,
          fix: "Set tls with a caFile. If plaintext is intended, state the reason in `plaintext`.",
        };
      }
      if (tls !== undefined && plaintext !== undefined) {
        yield {
          at: service.key,
          problem: `${service.name} has both tls and a reason for plaintext.`,
          fix: "Keep one of the two.",
        };
      }
    }
  },
};

const externalAuthority: Check = {
  id: "external-authority",
  reason: "A terminating gateway trusts only the configured CAs, and only certificates with the expected name.",
  level: "error",
  *find({ graph }) {
    for (const service of externalServicesIn(graph)) {
      const { tls, instances } = service;
      if (tls === undefined) {
        continue;
      }
      if (tls.caFile === "") {
        yield {
          at: service.key,
          problem: `The caFile of ${service.name} is empty, so Envoy would use plaintext.`,
          fix: "Set it to the file with the certificates of its CA.",
        };
      }
      if (tls.sni === undefined || tls.sni === "") {
        yield {
          at: service.key,
          problem: `No name is known for the certificate of ${service.name}${placesOf(instances)}: any certificate of its CA would be accepted.`,
          fix: "Set sni in its tls to a name in its certificate.",
        };
      }
    }
  },
};

const clientCertificate: Check = {
  id: "client-certificate",
  reason: "A certificate needs its key and a key its certificate; Consul refuses a gateway with only one of them.",
  level: "error",
  *find({ graph }) {
    for (const service of externalServicesIn(graph)) {
      const { certFile, keyFile } = service.tls ?? {};
      if ((certFile === undefined) !== (keyFile === undefined)) {
        const [given, missing] = certFile === undefined ? ["keyFile", "certFile"] : ["certFile", "keyFile"];
        yield {
          at: service.key,
          problem: `The tls of ${service.name} has a ${given}, but no ${missing}.`,
          fix: `Add the ${missing}, or omit both.`,
          alsoAbout: [...graph.data.outside].flatMap(([gateway, keys]) => (keys.has(service.key) ? gateway : [])),
        };
      }
    }
  },
};

const externalWithoutGateway: Check = {
  id: "external-without-gateway",
  reason: "Services in the mesh reach external services only through a terminating gateway.",
  level: "error",
  *find({ graph }) {
    const reached = new Set(gatewaysIn(graph).flatMap(({ key }) => graph.outsideServicesOf(key).map(({ key }) => key)));
    for (const { key, name } of externalServicesIn(graph)) {
      if (!reached.has(key)) {
        yield {
          at: key,
          problem: `No terminating gateway routes to ${name}.`,
          fix: "Call mesh.addTerminatingGateway(…).addService(…).",
        };
      }
    }
  },
};

const externalFailover: Check = {
  id: "external-failover",
  reason:
    "Callers see whether the terminating gateway is healthy, and not the instances of the external service behind it, nor their health checks.",
  level: "warning",
  *find({ graph }) {
    for (const service of externalServicesIn(graph)) {
      const { failover } = graph.trafficOf(service).resolve;
      if (failover !== undefined) {
        yield {
          at: service.key,
          problem: `The failover of ${service.name} applies only while no terminating gateway is healthy, even if none of its instances is.`,
          fix: "Set several instances: the gateway ejects those that fail. Or fail over to it, from a service of the mesh.",
        };
      }
    }
    for (const cluster of graph.clusters) {
      for (const owner of graph.ruleOwnersOf(cluster)) {
        const failovers = Object.values(graph.trafficOf(owner).resolve.failover ?? {});
        const others = failovers.flatMap((targets) => targets.slice(0, -1).map((it) => graph.resolve(cluster, it)));
        for (const outside of others) {
          if (outside?.kind === "external service") {
            yield {
              at: owner.key,
              problem: `The failover of ${owner.name} leaves ${outside.name} only while no terminating gateway is healthy, even if none of its instances is.`,
              fix: `Make ${outside.name} the last target.`,
            };
          }
        }
      }
    }
  },
};

const gatewayWithoutService: Check = {
  id: "gateway-without-service",
  reason: "Nomad refuses a terminating gateway without services.",
  level: "error",
  *find({ graph }) {
    for (const { gatewayKind, key, name, isGiven } of gatewaysIn(graph)) {
      if (gatewayKind === "terminating gateway" && isGiven !== true && graph.outsideServicesOf(key).length === 0) {
        yield {
          at: key,
          problem: `The terminating gateway ${name} has no service.`,
          fix: "Add one with addService, or remove the gateway.",
        };
      }
    }
  },
};

const gatewayFile: Check = {
  id: "gateway-file",
  reason: "If the file of a certificate is missing, Envoy waits for it and logs nothing.",
  level: "error",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      const rendered = new Set(gateway.renderedFiles);
      const outside = graph
        .outsideServicesOf(gateway.key)
        .flatMap(({ tls }) => [tls?.caFile, tls?.certFile, tls?.keyFile].filter((file) => file !== undefined));
      for (const file of new Set([...gateway.files, ...outside])) {
        if (!isToken(file) && !file.startsWith("/") && file !== "" && !rendered.has(file)) {
          yield {
            at: gateway.key,
            problem: `Its Envoy reads ${file}, but no template of the gateway creates that file.`,
            fix: `Add Template.text(…, { destination: "${file}" }) to its templates, or use an absolute path.`,
          };
        }
      }
    }
  },
};

const gatewayNetwork: Check = {
  id: "gateway-network",
  reason:
    "On the host network a gateway listens on every address of the node, and every process of the node can reach its Envoy's admin port.",
  level: "error",
  *find({ graph }) {
    for (const { job, rendered } of jobsIn(graph)) {
      const gateway = gatewayOf(graph, job);
      for (const group of (gateway && rendered.TaskGroups) ?? []) {
        if (!isIsolated(group.Networks?.[0])) {
          const { Name, Networks } = group;
          yield {
            at: job.key,
            problem: `The group ${Name ?? ""} of the ${gateway?.gatewayKind ?? ""} runs on the network "${Networks?.[0]?.Mode ?? "host"}".`,
            fix: "Use the network mode bridge or cni/<name>; the gateway's listeners open their ports on the node.",
          };
        }
      }
    }
  },
};

function externalServicesIn(graph: Snapshot): ExternalServiceRecord[] {
  return graph.clusters.flatMap(({ members }) => members.filter((member) => member.kind === "external service"));
}

function placesOf(instances: ExternalServiceRecord["instances"]): string {
  const places = instances.map(({ address }) => (isToken(address) ? "an address that only Terraform knows" : address));
  return places.length === 0 ? "" : ` at ${[...new Set(places)].join(", ")}`;
}

export const gatewayChecks: readonly Check[] = [
  externalPlaintext,
  externalAuthority,
  clientCertificate,
  externalWithoutGateway,
  externalFailover,
  gatewayWithoutService,
  gatewayFile,
  gatewayNetwork,
];

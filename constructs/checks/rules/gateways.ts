import type { ExternalServiceRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { isIsolated } from "../../nomad/network";
import type { Check } from "../check";
import { gatewayOf, gatewaysIn, jobsIn } from "./records";
import { isToken } from "../../core/token";

const externalPlaintext: Check = {
  id: "external-plaintext",
  reason:
    "Without the certificates of an authority Envoy speaks plaintext to a service outside, and says nothing about it.",
  level: "error",
  *find({ graph }) {
    for (const service of externalServicesIn(graph)) {
      const { tls, plaintext } = service;
      if (tls === undefined && (plaintext ?? "").trim() === "") {
        yield {
          at: service.key,
          problem: `Gateways would speak plaintext to ${service.name}: it has neither tls nor a reason.`,
          fix: "Give it tls with a caFile; or, where plaintext is meant, write the reason into `plaintext`.",
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
  reason:
    "A terminating gateway trusts just the authorities that it is told, and of their certificates just those with the right name.",
  level: "error",
  *find({ graph }) {
    for (const service of externalServicesIn(graph)) {
      const { tls, address } = service;
      if (tls === undefined) {
        continue;
      }
      if (tls.caFile === "") {
        yield {
          at: service.key,
          problem: `The caFile of ${service.name} is empty, so that Envoy would speak plaintext.`,
          fix: "Name the file with the certificates of its authority.",
        };
      }
      if (tls.sni === undefined || tls.sni === "") {
        yield {
          at: service.key,
          problem: `No name is known for the certificate of ${service.name} at ${shown(address)}: any certificate of its authority would do.`,
          fix: "Give its tls an sni, a name that its certificate bears.",
        };
      }
    }
  },
};

const clientCertificate: Check = {
  id: "client-certificate",
  reason: "A certificate is of no use without its key, nor a key without its certificate; Consul refuses the gateway.",
  level: "error",
  *find({ graph }) {
    for (const service of externalServicesIn(graph)) {
      const { certFile, keyFile } = service.tls ?? {};
      if ((certFile === undefined) !== (keyFile === undefined)) {
        const [given, missing] = certFile === undefined ? ["keyFile", "certFile"] : ["certFile", "keyFile"];
        yield {
          at: service.key,
          problem: `The tls of ${service.name} has a ${given}, but no ${missing}.`,
          fix: `Add the ${missing}, or leave both away.`,
          alsoAbout: [...graph.data.outside].flatMap(([gateway, keys]) => (keys.has(service.key) ? gateway : [])),
        };
      }
    }
  },
};

const externalWithoutGateway: Check = {
  id: "external-without-gateway",
  reason: "Nothing in the mesh speaks to a service outside but a terminating gateway.",
  level: "error",
  *find({ graph }) {
    const reached = new Set([...graph.data.outside.values()].flatMap((services) => [...services]));
    for (const { key, name } of externalServicesIn(graph)) {
      if (!reached.has(key)) {
        yield {
          at: key,
          problem: `No terminating gateway leads to ${name}.`,
          fix: "Say mesh.addTerminatingGateway(…).addService(…).",
        };
      }
    }
  },
};

const gatewayWithoutService: Check = {
  id: "gateway-without-service",
  reason: "Nomad refuses a terminating gateway that leads nowhere.",
  level: "error",
  *find({ graph }) {
    for (const { gatewayKind, key, name } of gatewaysIn(graph)) {
      if (gatewayKind === "terminating gateway" && graph.outsideServicesOf(key).length === 0) {
        yield {
          at: key,
          problem: `The terminating gateway ${name} leads to no service.`,
          fix: "Add one with addService, or take the gateway away.",
        };
      }
    }
  },
};

const gatewayFile: Check = {
  id: "gateway-file",
  reason: "Envoy waits in silence for a certificate whose file is not there.",
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
            problem: `Its Envoy is to read ${file}, but no template of the gateway brings that file.`,
            fix: `Add Template.text(…, { destination: "${file}" }) to its templates, or name the file by an absolute path.`,
          };
        }
      }
    }
  },
};

const gatewayNetwork: Check = {
  id: "gateway-network",
  reason:
    "On the host's network a gateway listens on every address of the node, and its Envoy's admin port is open to all of the node.",
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
            fix: "A gateway needs the mode bridge, or cni/<name>; its ports are opened on the node one by one.",
          };
        }
      }
    }
  },
};

function externalServicesIn(graph: Snapshot): ExternalServiceRecord[] {
  return graph.clusters.flatMap(({ members }) => members.filter((member) => member.kind === "external service"));
}

function shown(value: string): string {
  return isToken(value) ? "an address that only Terraform knows" : value;
}

export const gatewayChecks: readonly Check[] = [
  externalPlaintext,
  externalAuthority,
  clientCertificate,
  externalWithoutGateway,
  gatewayWithoutService,
  gatewayFile,
  gatewayNetwork,
];

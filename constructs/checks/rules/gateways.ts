import { Token } from "cdktf";
import type { ExternalService } from "../../mesh/gateways/external-service";
import { TerminatingGateway } from "../../mesh/gateways/terminating-gateway";
import type { Check, CheckedApp } from "../check";

const externalPlaintext: Check = {
  id: "external-plaintext",
  reason:
    "Without the certificates of an authority Envoy speaks plaintext to a service outside, and says nothing about it.",
  level: "error",
  *find(app) {
    for (const service of externalServicesOf(app)) {
      const { tls, plaintext } = service.props;
      if (tls === undefined && (plaintext ?? "").trim() === "") {
        yield {
          construct: service,
          problem: `Gateways would speak plaintext to ${service.serviceName}: it has neither tls nor a reason.`,
          fix: "Give it tls with a caFile; or, where plaintext is meant, write the reason into `plaintext`.",
        };
      }
      if (tls !== undefined && plaintext !== undefined) {
        yield {
          construct: service,
          problem: `${service.serviceName} has both tls and a reason for plaintext.`,
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
  *find(app) {
    for (const service of externalServicesOf(app)) {
      const { tls, address } = service.props;
      if (tls === undefined) {
        continue;
      }
      if (tls.caFile === "") {
        yield {
          construct: service,
          problem: `The caFile of ${service.serviceName} is empty, so that Envoy would speak plaintext.`,
          fix: "Name the file with the certificates of its authority.",
        };
      }
      if (service.sni === undefined || service.sni === "") {
        yield {
          construct: service,
          problem: `No name is known for the certificate of ${service.serviceName} at ${shown(address)}: any certificate of its authority would do.`,
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
  *find(app) {
    for (const service of externalServicesOf(app)) {
      const { certFile, keyFile } = service.props.tls ?? {};
      if ((certFile === undefined) !== (keyFile === undefined)) {
        const [given, missing] = certFile === undefined ? ["keyFile", "certFile"] : ["certFile", "keyFile"];
        yield {
          construct: service,
          problem: `The tls of ${service.serviceName} has a ${given}, but no ${missing}.`,
          fix: `Add the ${missing}, or leave both away.`,
        };
      }
    }
  },
};

const externalWithoutGateway: Check = {
  id: "external-without-gateway",
  reason: "Nothing in the mesh speaks to a service outside but a terminating gateway.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      const reached = new Set(terminatingGatewaysOf({ meshes: [mesh] }).flatMap(({ services }) => services));
      for (const service of mesh.externalServices) {
        if (!reached.has(service)) {
          yield {
            construct: service,
            problem: `No terminating gateway leads to ${service.serviceName}.`,
            fix: "Say mesh.addTerminatingGateway(…).addService(…).",
          };
        }
      }
    }
  },
};

const gatewayWithoutService: Check = {
  id: "gateway-without-service",
  reason: "Nomad refuses a terminating gateway that leads nowhere.",
  level: "error",
  *find(app) {
    for (const gateway of terminatingGatewaysOf(app)) {
      if (gateway.services.length === 0) {
        yield {
          construct: gateway,
          problem: `The terminating gateway ${gateway.serviceName} leads to no service.`,
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
  *find({ meshes }) {
    for (const gateway of meshes.flatMap((mesh) => mesh.gateways)) {
      const rendered = new Set(gateway.props.templates?.map((template) => template.rendered.DestPath));
      for (const file of new Set(gateway.envoyFiles)) {
        if (!Token.isUnresolved(file) && !file.startsWith("/") && file !== "" && !rendered.has(file)) {
          yield {
            construct: gateway,
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
  *find({ meshes }) {
    for (const gateway of meshes.flatMap((mesh) => mesh.gateways)) {
      for (const { Name, Networks } of gateway.renderJob().TaskGroups ?? []) {
        const mode = Networks?.[0]?.Mode;
        if (mode !== "bridge" && mode?.startsWith("cni/") !== true) {
          yield {
            construct: gateway,
            problem: `The group ${Name ?? ""} of the ${gateway.kind} runs on the network "${mode ?? "host"}".`,
            fix: "A gateway needs the mode bridge, or cni/<name>; its ports are opened on the node one by one.",
          };
        }
      }
    }
  },
};

function externalServicesOf({ meshes }: Pick<CheckedApp, "meshes">): ExternalService[] {
  return meshes.flatMap((mesh) => mesh.externalServices);
}

function terminatingGatewaysOf({ meshes }: Pick<CheckedApp, "meshes">): TerminatingGateway[] {
  return meshes.flatMap((mesh) => mesh.gateways).filter((gateway) => gateway instanceof TerminatingGateway);
}

function shown(value: string): string {
  return Token.isUnresolved(value) ? "an address that only Terraform knows" : value;
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

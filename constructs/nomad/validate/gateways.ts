import { entriesOf, itemsOf, known, textsOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";

const PROTOCOLS = ["tcp", "http", "http2", "grpc"];

export function examineGateway(place: Place, gateway: nomad.ConsulGateway): void {
  const [ingress, terminating] = [known(gateway.Ingress), known(gateway.Terminating)];
  const kinds = [ingress, terminating, known(gateway.Mesh)].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) {
    place.refuse("kind", kinds.length, "exactly one of ingress, terminating and mesh", "Keep one of them.", {
      comparedWith: [gateway.Ingress, gateway.Terminating, gateway.Mesh],
    });
  }
  examineProxy(place.block("proxy"), known(gateway.Proxy) ?? {});
  if (ingress !== undefined) {
    examineIngress(place.block("ingress"), itemsOf(ingress.Listeners), ingress.Listeners);
  }
  if (terminating !== undefined) {
    examineTerminating(place.block("terminating"), itemsOf(terminating.Services), terminating.Services);
  }
}

function examineProxy(place: Place, proxy: nomad.ConsulGatewayProxy): void {
  const { EnvoyDNSDiscoveryType = "" } = proxy;
  if (EnvoyDNSDiscoveryType !== "") {
    place.oneOf("envoy_dns_discovery_type", EnvoyDNSDiscoveryType, ["STRICT_DNS", "LOGICAL_DNS"]);
  }
  for (const [name, { Address, Port = 0 }] of entriesOf(proxy.EnvoyGatewayBindAddresses)) {
    const here = place.labelled("envoy_gateway_bind_addresses", name);
    here.required("address", Address, "Set the address to bind.");
    if (Port <= 0 && Port !== -1) {
      here.refuse("port", Port, "a port, or -1 to let Nomad choose it", "Use a valid port.");
    }
  }
}

function examineIngress(place: Place, listeners: readonly nomad.ConsulIngressListener[], given: unknown): void {
  if (listeners.length === 0) {
    place.refuse("listener", given, "at least one listener", "Add a listener.", { saidBy: "listener-without-route" });
  }
  for (const { Port = 0, Protocol = "tcp", Services } of listeners) {
    const here = place.labelled("listener", Port);
    here.atLeast("port", Port, 1, "Set the port on which it listens.");
    const protocol = Protocol === "" ? "tcp" : Protocol;
    here.oneOf("protocol", protocol, PROTOCOLS);
    const services = itemsOf(Services);
    if (services.length === 0) {
      here.refuse("service", Services, "at least one service", "Add a service.", { saidBy: "listener-without-route" });
    }
    for (const { Name = "", Hosts } of services) {
      const service = here.labelled("service", Name);
      service.required("name", Name, "Name the service.");
      if (Name === "*" && protocol === "tcp") {
        service.refuse("name", Name, "the name of one service on a tcp listener", "Set the name.", {
          comparedWith: protocol,
        });
      }
      if (textsOf(Hosts).length > 0 && (protocol === "tcp" || Name === "*")) {
        const where = protocol === "tcp" ? "on a tcp listener" : 'for the service "*"';
        service.refuse("hosts", Hosts, `cannot be set ${where}`, "Omit it.", { comparedWith: [protocol, Name] });
      }
    }
  }
}

function examineTerminating(place: Place, services: readonly nomad.ConsulLinkedService[], given: unknown): void {
  if (services.length === 0) {
    place.refuse("service", given, "at least one service", "Add a service.", { saidBy: "gateway-without-service" });
  }
  for (const service of services) {
    const here = place.labelled("service", service.Name);
    const { CAFile = "", CertFile = "", KeyFile = "", SNI = "" } = service;
    here.required("name", service.Name, "Name the service.");
    if (CAFile === "" && (CertFile !== "" || KeyFile !== "" || SNI !== "")) {
      here.refuse("ca_file", undefined, "must be set with cert_file, key_file or sni", "Set ca_file.", {
        comparedWith: [CertFile, KeyFile, SNI],
      });
    }
    if ((CertFile === "") !== (KeyFile === "")) {
      const [missing, given] = CertFile === "" ? ["cert_file", "key_file"] : ["key_file", "cert_file"];
      here.refuse(missing, undefined, `must be set with ${given}`, `Set ${missing}, or omit ${given}.`, {
        comparedWith: [CertFile, KeyFile],
        saidBy: "client-certificate",
      });
    }
  }
}

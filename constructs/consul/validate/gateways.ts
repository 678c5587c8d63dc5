import { isDomainName } from "../../core/domain-name";
import { itemsOf, known, type Place, Shown, textsOf } from "../../core/problems";
import type * as consul from "../generated/config-entries";
import { isSet } from "./common";
import { examineGatewayTls, examineTls } from "./tls";

const INGRESS_PROTOCOLS = ["tcp", "http", "http2", "grpc"];
const LISTENER_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function examineIngressGateway(place: Place, entry: consul.IngressGatewayConfigEntry): void {
  examineGatewayTls(place.block("TLS"), entry.TLS);
  const ports = new Set<number>();
  itemsOf(entry.Listeners).forEach((listener, index) => {
    const here = place.block(`Listeners[${index}]`);
    const { Port = 0 } = listener;
    if (ports.has(Port)) {
      here.refuse("Port", Port, "must be unique", "Merge the two listeners.", { saidBy: "duplicate-listener" });
    }
    ports.add(Port);
    examineGatewayTls(here.block("TLS"), listener.TLS);
    examineIngressListener(here, entry, listener);
  });
}

function examineIngressListener(
  place: Place,
  entry: consul.IngressGatewayConfigEntry,
  listener: consul.IngressListener,
): void {
  const protocol = listener.Protocol ? listener.Protocol.toLowerCase() : "tcp";
  place.oneOf("Protocol", protocol, INGRESS_PROTOCOLS);
  const services = itemsOf(listener.Services);
  if (services.length === 0) {
    place.refuse("Services", listener.Services, "at least one service", "Add a service.", {
      saidBy: "listener-without-route",
    });
  }
  if (protocol === "tcp" && services.length > 1) {
    place.refuse(
      "Services",
      new Shown(`${services.length} services`),
      "one service on a tcp listener",
      "Use a listener for each.",
      {
        comparedWith: [listener.Protocol, listener.Services],
      },
    );
  }
  const [names, hosts] = [new Set<string>(), new Set<string>()];
  services.forEach((service, index) => {
    const here = place.block(`Services[${index}]`);
    const key = JSON.stringify([service.Name, service.Namespace ?? "", service.Partition ?? ""]);
    if (names.has(key)) {
      here.refuse("Name", service.Name, "must be unique", "Merge the two.", { saidBy: "duplicate-route" });
    }
    names.add(key);
    examineIngressService(here, service, protocol);
    examineSds(here, entry, listener, service);
    for (const host of textsOf(service.Hosts)) {
      if (hosts.has(host)) {
        here.refuse("Hosts", host, "must be unique on its listener", "Keep one of the two.", {
          saidBy: "duplicate-route",
        });
      }
      hosts.add(host);
      examineHost(here, host, known(entry.TLS)?.Enabled === true);
    }
  });
}

function examineIngressService(place: Place, service: consul.IngressService, protocol: string): void {
  const { Name = "", Hosts } = service;
  const isTcp = protocol === "tcp";
  place.required("Name", Name, "Name the service.");
  if (isTcp && Name === "*") {
    place.refuse("Name", "*", "the name of one service on a tcp listener", "Set the name.", { comparedWith: protocol });
  }
  if (textsOf(Hosts).length > 0 && (isTcp || Name === "*")) {
    const allowed = isTcp ? "cannot be set on a tcp listener" : 'cannot be set for the service "*"';
    place.refuse("Hosts", Hosts, allowed, "Omit it.", { comparedWith: [protocol, Name] });
  }
  for (const field of ["RequestHeaders", "ResponseHeaders"] as const) {
    const { Add, Set: Replace, Remove } = known(service[field]) ?? {};
    const changes = [Add, Replace, Remove].some((part) => part !== undefined && Object.keys(part).length > 0);
    if (isTcp && changes) {
      place.refuse(field, service[field], "cannot be set on a tcp listener", "Omit it.", { comparedWith: protocol });
    }
  }
}

function examineHost(place: Place, host: string, isTls: boolean): void {
  if (host === "*") {
    if (isTls) {
      place.refuse("Hosts", host, "a name where TLS is enabled", "Name the hosts.", { comparedWith: isTls });
    }
  } else if (!isDomainName(host) || host.replace(/^\*\./, "").includes("*")) {
    place.refuse("Hosts", host, "names, in which only the first label can be *", "Correct the host.", {
      saidBy: "gateway-host",
    });
  }
}

/** If certificates come from a secret discovery service (SDS), the cluster of that service and the name of a certificate must be set. */
function examineSds(
  place: Place,
  entry: consul.IngressGatewayConfigEntry,
  listener: consul.IngressListener,
  service: consul.IngressService,
): void {
  const [outer, middle, own] = [known(entry.TLS)?.SDS, known(listener.TLS)?.SDS, known(service.TLS)?.SDS];
  const has = (field: "ClusterName" | "CertResource", sds: consul.GatewayTLSSDSConfig | undefined) =>
    isSet(sds?.[field]);
  const isCluster = has("ClusterName", outer) || has("ClusterName", middle);
  const at = place.block("TLS").block("SDS");
  const compared = { comparedWith: [outer, middle, own] };
  const missing = (field: string, why: string) =>
    at.refuse(field, undefined, `must be set ${why}`, "Set it.", compared);
  if (has("CertResource", outer) && !has("ClusterName", outer)) {
    missing("ClusterName", "next to the CertResource of the gateway");
  }
  if (has("ClusterName", outer) && !has("CertResource", outer) && !has("CertResource", middle)) {
    missing("CertResource", "at the gateway or the listener, next to the ClusterName of the gateway");
  }
  if (has("ClusterName", middle) && !has("CertResource", middle)) {
    missing("CertResource", "next to the ClusterName of the listener");
  }
  if (
    (has("CertResource", middle) && !isCluster) ||
    (has("CertResource", own) && !isCluster && !has("ClusterName", own))
  ) {
    missing("ClusterName", "here, at the listener or at the gateway");
  }
  if (has("CertResource", own) && textsOf(service.Hosts).length === 0) {
    at.refuse("CertResource", own?.CertResource, "cannot be set for a service without Hosts", "Set Hosts.", compared);
  }
}

export function examineTerminatingGateway(place: Place, entry: consul.TerminatingGatewayConfigEntry): void {
  const names = new Set<string>();
  itemsOf(entry.Services).forEach((service, index) => {
    const here = place.block(`Services[${index}]`);
    const { Name = "", Namespace = "", CAFile, CertFile, KeyFile } = service;
    here.required("Name", Name, "Name the service.");
    const key = JSON.stringify([Name, Namespace]);
    if (names.has(key)) {
      here.refuse("Name", Name, "must be unique", "Merge the two.", { comparedWith: Namespace });
    }
    names.add(key);
    const files = { CAFile, CertFile, KeyFile };
    for (const [field, file] of isSet(CertFile) || isSet(KeyFile) ? Object.entries(files) : []) {
      if (!isSet(file)) {
        const others = Object.keys(files).filter((other) => other !== field);
        here.refuse(field, file, `must be set with ${others.join(" and ")}`, `Set ${field}.`, {
          comparedWith: files,
          saidBy: "client-certificate",
        });
      }
    }
  });
}

export function examineApiGateway(place: Place, entry: consul.APIGatewayConfigEntry): void {
  const listeners = itemsOf(entry.Listeners);
  if (listeners.length === 0) {
    place.refuse("Listeners", entry.Listeners, "at least one listener", "Add a listener.", {
      saidBy: "listener-without-route",
    });
  }
  const names = new Set<string>();
  const byPort = new Map<number, consul.APIGatewayListener>();
  listeners.forEach((listener, index) => {
    const here = place.block(`Listeners[${index}]`);
    const { Name = "", Hostname = "", Port = 0 } = listener;
    const protocol = (listener.Protocol ?? "").toLowerCase();
    if (!LISTENER_NAME.test(Name)) {
      here.refuse("Name", Name, "lower-case letters, digits, dashes and dots", "Correct the name.");
    } else if (names.has(Name)) {
      here.refuse("Name", Name, "must be unique", "Rename one of the listeners.");
    }
    names.add(Name);
    const other = byPort.get(Port);
    if (other !== undefined && ((other.Hostname ?? "") !== Hostname || other.Protocol?.toLowerCase() !== protocol)) {
      here.refuse("Port", Port, "a port without a listener of another protocol or hostname", "Use another port.", {
        comparedWith: [other, Hostname, protocol],
        saidBy: "duplicate-listener",
      });
    }
    byPort.set(Port, listener);
    here.oneOf("Protocol", protocol, ["http", "tcp"]);
    if (protocol === "tcp" && Hostname !== "") {
      here.refuse("Hostname", Hostname, "cannot be set for a tcp listener", "Omit it.", {
        comparedWith: listener.Protocol,
      });
    }
    if (Hostname.replace(/^\*\./, "").includes("*")) {
      here.refuse("Hostname", Hostname, "a name, in which only the first label can be *", "Correct the name.", {
        saidBy: "gateway-host",
      });
    }
    if (Port < 1 || Port > 65_535) {
      here.refuse("Port", Port, "1 to 65535", "Use a valid port.", { saidBy: "port-range" });
    }
    examineCertificates(here.block("TLS"), known(listener.TLS) ?? {});
  });
}

function examineCertificates(place: Place, tls: consul.APIGatewayTLSConfiguration): void {
  itemsOf(tls.Certificates).forEach(({ Kind, Name }, index) => {
    const here = place.block(`Certificates[${index}]`);
    here.oneOf("Kind", Kind === "" ? undefined : Kind, ["file-system-certificate", "inline-certificate"]);
    here.required("Name", Name, "Name the certificate's entry.");
  });
  const { MinVersion: min, MaxVersion: max, CipherSuites: cipherSuites } = tls;
  examineTls(place, { min, max, cipherSuites }, ["MinVersion", "MaxVersion"]);
}

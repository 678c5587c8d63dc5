import { isIP } from "node:net";
import { Node } from "@cdktf/provider-consul/lib/node";
import { Service } from "@cdktf/provider-consul/lib/service";
import { Construct } from "constructs";
import { addressByIdentity } from "../../core/address";
import { Protocol } from "../../consul/protocol";
import type { ExternalServiceRecord } from "../../model/records";
import { allow, refuseWrongDenial, type DenialOptions, type Intention, type IntentionOptions } from "../intention";
import type { Mesh } from "../mesh";
import { refuseUnknownName, type IMeshMember, type IMeshService } from "../mesh-member";
import { addServiceEntries, renderServiceDefaults, type ServiceDefaultsOptions } from "../service-entries";
import type { InMesh } from "./gateway";
import { refuseWrongValues } from "../../core/shape";
import { EXTERNAL_SERVICE_SHAPE } from "../shapes";
import { isToken } from "../../core/token";

/**
 * TLS between a terminating gateway and an external service. Envoy of the gateway reads each file: use the destination of one of the
 * gateway's templates, such as `secrets/ca.pem`, or an absolute path.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/terminating-gateway
 */
export interface ExternalTls {
  /** File with the CA certificates that verify the certificate of the service. Without it, Envoy would use plaintext. */
  readonly caFile: string;
  /**
   * Server name (SNI) that Envoy sends, and that the certificate of the service must contain. Without a name, Envoy accepts any
   * certificate of these CAs.
   *
   * @default `address`, if it is a host name
   */
  readonly sni?: string;
  /** File with the client certificate of the gateway, if the service requires one. Set `keyFile` too. @default none */
  readonly certFile?: string;
  /** File with the key of `certFile`. @default none */
  readonly keyFile?: string;
}

/** Props of {@link ServiceMesh.addExternalService}. Either `tls` or `plaintext` is required. */
export interface ExternalServiceBaseProps extends Omit<ServiceDefaultsOptions, "rateLimits"> {
  /** IP address or host name of the service. */
  readonly address: string;
  /** TCP port at `address`, from 1 to 65535. */
  readonly port: number;
  /** TLS between the gateway and the service. @default none: the connection is plaintext */
  readonly tls?: ExternalTls;
  /** The reason why the gateway may use plaintext: a sentence for other readers of the code. @default none */
  readonly plaintext?: string;
  /** Name of the service in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** Protocol of the service. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** Tags in Consul's catalog. @default none */
  readonly tags?: readonly string[];
  /** Metadata in Consul's catalog. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Name of the node in Consul's catalog that represents the machine of the service. @default `external-<serviceName>` */
  readonly nodeName?: string;
}

/** Props of {@link ExternalService}. */
export interface ExternalServiceProps extends ExternalServiceBaseProps, InMesh {}

/**
 * A service outside the mesh, such as a managed database. It is registered in Consul's catalog, has `service-defaults` and intentions as
 * any other service, and is reached through a terminating gateway: see {@link TerminatingGateway.addService}.
 *
 * @example
 * const db = mesh.addExternalService("billing-db", { address: "db.example.com", port: 5432, tls: { caFile: "secrets/ca.pem" } });
 * egress.addService(db);
 * billing.connectTo(db, { env: "DATABASE" });
 */
export class ExternalService extends Construct implements IMeshService {
  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: Mesh;
  /** Name of the node in Consul's catalog that represents the machine of the service. */
  readonly nodeName: string;

  constructor(scope: Construct, id: string, props: ExternalServiceProps) {
    super(scope, id);
    refuseWrongValues(this, props, EXTERNAL_SERVICE_SHAPE);
    const { mesh, serviceName = id, protocol = Protocol.TCP, address, port, tls, plaintext } = props;
    refuseUnknownName(this, "external service", serviceName);
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    this.nodeName = props.nodeName ?? `external-${serviceName}`;
    mesh.addMember<ExternalServiceRecord>(this, {
      ...{ kind: "external service", name: serviceName, protocol, address, port, plaintext, nodeName: this.nodeName },
      tls: tls && { ...tls, sni: tls.sni ?? (hasName(address) ? address : undefined) },
    });
    addServiceEntries(this, () => renderServiceDefaults(props));

    const node = new Node(this, "Node", {
      name: this.nodeName,
      address,
      // Metadata by which Consul's tools recognize a node without an agent.
      meta: { "external-node": "true", "external-probe": "true" },
    });
    addressByIdentity(node, this.nodeName);
    const service = new Service(this, "Service", {
      name: serviceName,
      nodeAttribute: node.name,
      address,
      port,
      tags: props.tags as string[] | undefined,
      meta: props.meta,
    });
    addressByIdentity(service, this.nodeName, serviceName);
  }

  /**
   * Allows another service to reach this one (an intention). It adds no upstream: call `addUpstream` of the other service.
   *
   * @param source the service, its name in this mesh, or `"*"` for any service
   */
  allowFrom(source: IMeshMember | string, options: IntentionOptions = {}): Intention {
    return allow(this, this.mesh, source, this, options);
  }

  /**
   * Denies everything to another service. It is needed only if an intention for any service allows it: with `allowFrom("*")` and
   * `denyFrom(x)`, all services but x can reach this one. An exact source takes precedence over `"*"`, so with `denyFrom("*")` in a cluster
   * that allows by default, only the services of `allowFrom` and `connectTo` can reach it.
   *
   * @param source the service or gateway, its name in this mesh, or `"*"` for any service
   */
  denyFrom(source: IMeshMember | string, options: DenialOptions = {}): Intention {
    refuseWrongDenial(this, options);
    return allow(this, this.mesh, source, this, options, true);
  }
}

/** Whether an address is a host name. */
function hasName(address: string): boolean {
  return !isToken(address) && isIP(address) === 0;
}

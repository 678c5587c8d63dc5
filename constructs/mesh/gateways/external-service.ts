import { isIP } from "node:net";
import { Node } from "@cdktf/provider-consul/lib/node";
import { Service } from "@cdktf/provider-consul/lib/service";
import { Construct } from "constructs";
import { addressByIdentity } from "../../core/address";
import { Protocol } from "../../consul/protocol";
import type { ExternalServiceRecord } from "../../model/records";
import { allow, type Intention, type IntentionOptions } from "../intention";
import type { Mesh } from "../mesh";
import { refuseUnknownName, type IMeshMember, type IMeshService } from "../mesh-member";
import { addServiceEntries, type ServiceDefaults } from "../service-entries";
import type { InMesh } from "./gateway";
import { refuseWrongValues } from "../../core/shape";
import { EXTERNAL_SERVICE_SHAPE } from "../shapes";
import { isToken } from "../../core/token";

/**
 * How a terminating gateway speaks TLS to a service outside. Each file is one that the gateway's Envoy can read: a template
 * of the gateway by its destination, such as `secrets/ca.pem`, or an absolute path.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/terminating-gateway
 */
export interface ExternalTls {
  /** Certificates of the authorities that the service's certificate must come from. Without it Envoy would speak plaintext. */
  readonly caFile: string;
  /**
   * Name that Envoy asks for in the handshake, and that the service's certificate must bear: without one, any certificate of
   * those authorities would do.
   *
   * @default the address, where that is a name
   */
  readonly sni?: string;
  /** The gateway's own certificate, where the service wants to see one; goes with `keyFile`. @default none */
  readonly certFile?: string;
  /** Key of `certFile`. @default none */
  readonly keyFile?: string;
}

/** What {@link ServiceMesh.addExternalService} takes. Either `tls` or `plaintext` must be there. */
export interface ExternalServiceBaseProps {
  /** IP address or host name. */
  readonly address: string;
  /** TCP port at `address`, from 1 to 65535. */
  readonly port: number;
  /** How the gateway speaks TLS to it. @default none */
  readonly tls?: ExternalTls;
  /** Why the gateway may speak to it in plaintext: a sentence, for those who read the code after you. @default none */
  readonly plaintext?: string;
  /** Name in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** What it speaks. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** Further fields of its service-defaults. @default none */
  readonly serviceDefaults?: ServiceDefaults;
  /** Tags in Consul's catalog. @default none */
  readonly tags?: readonly string[];
  /** Metadata in Consul's catalog. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Name of the node in Consul's catalog that stands for its machine. @default "external-" and the service's name */
  readonly nodeName?: string;
}

/** Props of {@link ExternalService}. */
export interface ExternalServiceProps extends ExternalServiceBaseProps, InMesh {}

/**
 * A service outside the mesh, such as a managed database. It has an entry in Consul's catalog, defaults and intentions like
 * any other, and is reached through a terminating gateway: see {@link TerminatingGateway.addService}.
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
  /** Name of the node in Consul's catalog that stands for its machine. */
  readonly nodeName: string;

  constructor(scope: Construct, id: string, props: ExternalServiceProps) {
    super(scope, id);
    refuseWrongValues(this, props, EXTERNAL_SERVICE_SHAPE);
    const { mesh, serviceName = id, protocol = Protocol.TCP, address, port, tls, plaintext, serviceDefaults } = props;
    refuseUnknownName(this, "external service", serviceName);
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    this.nodeName = props.nodeName ?? `external-${serviceName}`;
    mesh.addMember<ExternalServiceRecord>(this, {
      ...{ kind: "external service", name: serviceName, protocol, address, port, plaintext, nodeName: this.nodeName },
      tls: tls && { ...tls, sni: tls.sni ?? (hasName(address) ? address : undefined) },
    });
    addServiceEntries(this, () => serviceDefaults);

    const node = new Node(this, "Node", {
      name: this.nodeName,
      address,
      // The names by which Consul's own tools know that no agent runs there.
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
   * Lets a service reach this one. Adds no upstream: the other one says `addUpstream`.
   *
   * @param source the service, its name in this mesh, or `"*"` for any
   */
  allowFrom(source: IMeshMember | string, options: IntentionOptions = {}): Intention {
    return allow(this, this.mesh, source, this, options);
  }
}

/** Whether an address is a name that a certificate can bear. */
function hasName(address: string): boolean {
  return !isToken(address) && isIP(address) === 0;
}

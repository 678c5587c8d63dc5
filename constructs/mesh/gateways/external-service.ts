import { isIP } from "node:net";
import { Node } from "@cdktf/provider-consul/lib/node";
import { Service } from "@cdktf/provider-consul/lib/service";
import { Construct } from "constructs";
import { addressByIdentity } from "../../core/address";
import { joinLists, mergeMapsOrNone } from "../../core/collections";
import { MeshError } from "../../core/errors";
import { EnvoyExtension } from "../../consul/envoy-extension";
import { regionOf, type AwsLambdaOptions } from "../../consul/extensions/aws-lambda";
import { Protocol } from "../../consul/protocol";
import { tenancyNames } from "../../consul/tenancy";
import type { ExternalServiceRecord } from "../../model/records";
import { allow, refuseWrongDenial, type DenialOptions, type Intention, type IntentionOptions } from "../intention";
import type { Mesh } from "../mesh";
import { refuseUnknownName, type IMeshMember } from "../mesh-member";
import { addServiceEntries, renderServiceDefaults, type ServiceDefaultsOptions } from "../service-entries";
import { ServiceTraffic, type ResolveOptions, type TrafficOwner } from "../traffic/service-traffic";
import type { Subset, SubsetOptions } from "../traffic/subset";
import type { ExternalHealthCheck } from "./external-health-check";
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
  /** IP address or host name of the only instance. Requires `port`. @default none: `instances` or `inCatalog` */
  readonly address?: string;
  /** TCP port at `address`, from 1 to 65535. @default none */
  readonly port?: number;
  /** The instances, if there are several. @default the one at `address` and `port` */
  readonly instances?: readonly ExternalInstance[];
  /**
   * Whether something else registers the instances in Consul's catalog: a Nomad job without a sidecar, Consul ESM, an agent next to the
   * service. The app then creates no node and no registration, and subsets can select by the tags and metadata that are set there.
   *
   * @default false
   */
  readonly inCatalog?: boolean;
  /**
   * The AWS Lambda function that the service is, in place of address, protocol and TLS. Its protocol is http: the gateway calls the function
   * for each request, and signs the call with the AWS credentials of its Envoy. Envoy uses TLS, but Consul configures it not to verify the
   * certificate of the endpoint.
   *
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/connect/lambda
   */
  readonly lambda?: AwsLambdaOptions;
  /** TLS between the gateway and the service. @default none: the connection is plaintext */
  readonly tls?: ExternalTls;
  /** The reason why the gateway may use plaintext: a sentence for other readers of the code. @default none */
  readonly plaintext?: string;
  /** Name of the service in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** Protocol of the service. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** Tags of all instances in Consul's catalog. @default none */
  readonly tags?: readonly string[];
  /** Metadata of all instances in Consul's catalog. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Name of the node in Consul's catalog that represents the machine of the only instance. @default `external-<serviceName>` */
  readonly nodeName?: string;
  /**
   * Health check of each instance, which Consul ESM runs. A change of the check replaces the instances in the catalog.
   *
   * @default none: Consul considers the instances healthy
   */
  readonly healthCheck?: ExternalHealthCheck;
  /**
   * Whether Consul ESM also pings the machine of each instance. Instances on a machine that does not answer are critical, and after 72 hours
   * (`node_reconnect_timeout` of Consul ESM) it removes the node from the catalog. Managed services often do not answer.
   *
   * @default false
   */
  readonly probe?: boolean;
}

/** An instance of an external service. */
export interface ExternalInstance {
  /** IP address or host name. A service has either IP addresses or one host name. */
  readonly address: string;
  /** TCP port, from 1 to 65535. */
  readonly port: number;
  /** Further tags in Consul's catalog. @default none */
  readonly tags?: readonly string[];
  /** Further metadata in Consul's catalog. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Name of the node in Consul's catalog that represents its machine. @default `external-<serviceName>-<number>`, from 1 */
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
export class ExternalService extends Construct implements TrafficOwner {
  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: Mesh;
  /** Names of the nodes in Consul's catalog that represent the machines of the instances; none for `inCatalog`. */
  readonly nodeNames: readonly string[];
  /** @internal */
  readonly traffic: ServiceTraffic;

  constructor(scope: Construct, id: string, given: ExternalServiceProps) {
    super(scope, id);
    refuseWrongValues(this, given, EXTERNAL_SERVICE_SHAPE);
    const props = this.withFunction(given);
    const { mesh, serviceName = id, protocol = Protocol.TCP, tls, plaintext } = props;
    refuseUnknownName(this, "external service", serviceName);
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    this.traffic = new ServiceTraffic(this);
    const instances = this.instancesOf(props);
    this.nodeNames = instances.map(({ nodeName }) => nodeName);
    const hosts = new Set(instances.map(({ address }) => address).filter(hasName));
    mesh.addMember<ExternalServiceRecord>(this, {
      ...{ kind: "external service", name: serviceName, protocol, plaintext },
      instances: instances.map(({ address, port, nodeName }) => ({ address, port, nodeName })),
      tls: tls && { ...tls, sni: tls.sni ?? [...hosts].at(0) },
    });
    addServiceEntries(this, () => renderServiceDefaults(props));
    instances.forEach((instance, index) => {
      this.register(instance, index === 0 ? "" : String(index + 1), props);
    });
  }

  /** Props of a service that is a Lambda function: what Consul's extension needs. */
  private withFunction(props: ExternalServiceProps): ExternalServiceProps {
    const { lambda, ...others } = props;
    if (lambda === undefined) {
      return props;
    }
    const { address, port, instances, inCatalog, tls, plaintext, protocol, healthCheck, probe } = props;
    const ofServers = { address, port, instances, inCatalog, tls, plaintext, protocol, healthCheck, probe };
    const [own] = Object.entries(ofServers).find(([, value]) => value !== undefined) ?? [undefined];
    if (own !== undefined) {
      throw new MeshError(this, `It is a Lambda function, for which ${own} has no effect.`, "Omit it, or omit lambda.");
    }
    const region = regionOf(lambda.arn);
    if (region === undefined) {
      throw new MeshError(
        this,
        `${JSON.stringify(lambda.arn)} is not the ARN of a Lambda function.`,
        'Use one such as "arn:aws:lambda:eu-west-1:123456789012:function:resize".',
      );
    }
    return {
      ...others,
      ...{ address: `lambda.${region}.amazonaws.com`, port: 443, protocol: Protocol.HTTP },
      plaintext: "The extension for Lambda adds TLS.",
      envoyExtensions: [EnvoyExtension.awsLambda({ ...lambda, required: true }), ...(others.envoyExtensions ?? [])],
    };
  }

  /** @throws MeshError unless the instances are set in exactly one way */
  private instancesOf(props: ExternalServiceProps): readonly (ExternalInstance & { readonly nodeName: string })[] {
    const { address, port, instances, inCatalog = false, nodeName } = props;
    const isOne = address !== undefined || port !== undefined;
    const ways = [isOne, instances !== undefined, inCatalog].filter(Boolean).length;
    if (ways !== 1 || (isOne && (address === undefined || port === undefined))) {
      throw new MeshError(
        this,
        ways > 1 ? "Its instances are set in several ways." : "It has no instances.",
        "Set address and port, or instances, or inCatalog: true if something else registers them.",
      );
    }
    const byDefault = `external-${this.serviceName}`;
    if (address !== undefined && port !== undefined) {
      return [{ address, port, nodeName: nodeName ?? byDefault }];
    }
    const { tags, meta, healthCheck, probe } = props;
    const ofInstances = { nodeName, ...(inCatalog && { tags, meta, healthCheck, probe }) };
    const [useless] = Object.entries(ofInstances).find(([, value]) => value !== undefined) ?? [undefined];
    if (useless !== undefined) {
      throw new MeshError(
        this,
        `${useless} has no effect.`,
        inCatalog ? "Set it where the instances are registered." : "Set it at each of the instances.",
      );
    }
    return (instances ?? []).map((it, index) => ({ ...it, nodeName: it.nodeName ?? `${byDefault}-${index + 1}` }));
  }

  private register(
    { address, port, nodeName, ...own }: ExternalInstance & { readonly nodeName: string },
    suffix: string,
    { tags, meta, healthCheck, probe = false }: ExternalServiceProps,
  ): void {
    const { partition, namespace } = this.mesh.tenancy ?? {};
    const place = tenancyNames({ partition, namespace });
    const node = new Node(this, `Node${suffix}`, {
      name: nodeName,
      ...(place.length > 0 && { partition }),
      address,
      // Metadata by which Consul ESM finds the nodes whose checks it runs.
      meta: { "external-node": "true", "external-probe": String(probe) },
    });
    addressByIdentity(node, nodeName, ...place);
    const checked = healthCheck?.render({ serviceName: this.serviceName, address, port });
    const service = new Service(this, `Service${suffix}`, {
      name: this.serviceName,
      serviceId: checked?.serviceId,
      ...(place.length > 0 && { partition, namespace }),
      nodeAttribute: node.name,
      address,
      port,
      tags: own.tags === undefined ? (tags as string[] | undefined) : [...joinLists(tags, own.tags)],
      meta: mergeMapsOrNone(meta, own.meta),
      check: checked && [checked.check],
      lifecycle: checked && { ignoreChanges: ["check"] },
    });
    addressByIdentity(service, nodeName, this.serviceName, ...place);
  }

  /**
   * Adds a subset of the instances, which routes, splits and failovers can refer to.
   *
   * @param filter a filter expression of Consul, such as `SubsetFilter.tag("eu")` or `Service.Meta.version == "v2"`
   * @throws MeshError if the name is taken, or is not a DNS label
   */
  addSubset(name: string, filter: string, options: SubsetOptions = {}): Subset {
    return this.traffic.addSubset(name, filter, options);
  }

  /**
   * Sets how the instances are found (the config entry `service-resolver`): default subset, timeouts, load balancing, redirect and
   * failover. It can be called several times, with different options.
   *
   * @throws MeshError if an option was set before
   */
  resolve(options: ResolveOptions): void {
    this.traffic.resolve(options);
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

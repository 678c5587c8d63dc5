import type { IConstruct } from "constructs";
import { MeshError } from "../../core/errors";
import * as is from "../../core/shape";
import { isToken } from "../../core/token";
import { Cidr } from "../network/cidr";

/** A gateway of a mesh: an `ApiGateway` or an `IngressGateway`. */
export interface GatewayLike {
  /** Name of the gateway in Consul. */
  readonly serviceName: string;
  /** The listeners of the gateway. */
  readonly listeners: readonly GatewayListenerLike[];
}

/** A listener of a gateway. */
export interface GatewayListenerLike {
  /** `http`, `http2`, `grpc` or `tcp`. */
  readonly protocol: string;
  /** Options of the listener. */
  readonly options: {
    /** Port in the allocation. */
    readonly port: number;
    /** Port of the node. @default `port` */
    readonly hostPort?: number;
    /** TLS settings. @default none: the listener accepts plaintext */
    readonly tls?: object;
  };
}

/** A name in Route 53. */
export interface PublicName {
  /** e.g. `shop.example.com` */
  readonly name: string;
  /** Id of the hosted zone, e.g. `Z0123456789ABC`. */
  readonly zoneId: string;
}

/** Options of {@link AwsCluster.publish}. */
export interface PublishOptions {
  /** Prefix of all names: at most 32 characters. @default `<cluster>-<gateway>` */
  readonly name?: string;
  /**
   * A Network Load Balancer forwards connections and keeps the addresses of clients. An Application Load Balancer forwards requests; all
   * listeners of the gateway must be for http, http2 or gRPC.
   * @default "network"
   */
  readonly kind?: "network" | "application";
  /** Whether it has public addresses. @default false: it can be reached only from the VPC and from networks that are connected to it */
  readonly internetFacing?: boolean;
  /**
   * Who can connect: ids of security groups and of prefix lists, and CIDR blocks. Required unless `internetFacing` is true.
   * @default any address, for an internet-facing load balancer
   */
  readonly allowFrom?: readonly string[];
  /**
   * ARN of a certificate of ACM in this region, with which the load balancer terminates TLS.
   * @default with `domain`, a new certificate, unless the gateway terminates TLS; otherwise the load balancer does not terminate TLS
   */
  readonly certificateArn?: string;
  /** The name of the load balancer in DNS. @default none: use the name that AWS gives it */
  readonly domain?: PublicName;
  /** Port of the load balancer for each port of a listener. @default 443 for the only listener if the load balancer terminates TLS; otherwise the port of the node */
  readonly ports?: Readonly<Record<number, number>>;
  /** The client pools on which the gateway runs. @default all pools in private subnets that the cluster of this app has so far */
  readonly pools?: readonly string[];
  /** Seconds in which open connections can end when a machine is removed, from 0 to 3600. @default 60 */
  readonly deregistrationSeconds?: number;
}

/** @internal */
export const GATEWAY = is.like("an ApiGateway or an IngressGateway", "listeners");

const isSeconds = (value: unknown) => typeof value === "number" && value >= 0 && value <= 3600;

/** @internal */
export const PUBLISH_SHAPE: is.Shape<PublishOptions> = {
  name: is.literal(is.name, "Use a literal name."),
  kind: (place, property, value) => {
    if (value !== undefined) is.oneOf(["network", "application"])(place, property, value);
  },
  internetFacing: is.literal(is.flag, "Use a literal value."),
  allowFrom: is.literalList(is.name),
  certificateArn: is.name,
  domain: is.block<PublicName>({ name: is.required(is.name), zoneId: is.required(is.name) }),
  ports: is.literal(is.map(is.port), "Use literal ports."),
  pools: is.literalList(is.name),
  deregistrationSeconds: is.rule("a number of seconds from 0 to 3600", "Use one.", isSeconds),
};

/** Who connects, as the rule of a security group names it. */
export type RuleSource =
  | { readonly cidrIpv4: string }
  | { readonly cidrIpv6: string }
  | { readonly prefixListId: string }
  | { readonly referencedSecurityGroupId: string };

/** @throws MeshError if it is none of what rules can name */
export function ruleSource(scope: IConstruct, text: string): RuleSource {
  if (isToken(text) || /^sg-[0-9a-z]+$/.test(text)) return { referencedSecurityGroupId: text };
  if (/^pl-[0-9a-z]+$/.test(text)) return { prefixListId: text };
  if (Cidr.parse(text) !== undefined) return { cidrIpv4: text };
  if (/^[0-9a-f:]*:[0-9a-f:]*\/\d{1,3}$/.test(text)) return { cidrIpv6: text };
  throw new MeshError(
    scope,
    `allowFrom contains "${text}".`,
    'Use the id of a security group ("sg-…") or of a prefix list ("pl-…"), or a CIDR block such as "10.0.0.0/16".',
  );
}

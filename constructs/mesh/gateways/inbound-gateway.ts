import type { Construct } from "constructs";
import { changesFor, type ForwardedHeaders } from "../../consul/forwarded-headers";
import type { HeaderChanges } from "../../consul/header-changes";
import { Protocol } from "../../consul/protocol";
import { MeshError } from "../../core/errors";
import { Graph } from "../../model/graph";
import type { Need } from "../../model/needs";
import type { GatewayRouteRecord, ListenerRecord, Reference } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { renderInboundGatewayJob, type InboundGatewayParts } from "../../nomad/inbound-gateway-job";
import { Gateway, type GatewayBaseProps, type GatewayParts, type InMesh } from "./gateway";
import type { Place } from "../../core/problems";
import type { Shape } from "../../core/shape";

/** Options of the listeners of all gateways. */
export interface ListenerOptions {
  /** Port on which the gateway listens inside its allocation. Routes refer to the listener by this port. */
  readonly port: number;
  /**
   * Static port of the node that is mapped to `port`. It can be used only once on a node, so each instance of the gateway needs a
   * separate node.
   *
   * @default `port`
   */
  readonly hostPort?: number;
}

/** A listener of a gateway, for clients outside the mesh. */
export interface GatewayListener {
  /** Protocol of the clients. The services to which the listener routes must have the same protocol. */
  readonly protocol: Protocol;
  /** Port and TLS, as passed. */
  readonly options: ListenerOptions & {
    /** TLS settings of the listener. @default none: the listener accepts plaintext */
    readonly tls?: object;
  };
  /** @internal */
  examine(place: Place): void;
  /** @internal Name of the listener in the config entry. */
  readonly name: string;
  /** @internal */
  readonly record: ListenerRecord;
}

/** Props of gateways for clients outside the mesh. */
export interface InboundGatewayBaseProps<Listener extends GatewayListener> extends GatewayBaseProps {
  /** Listeners for clients outside the mesh: at least one. */
  readonly listeners: readonly Listener[];
  /**
   * What http, http2 and gRPC listeners do with the headers that describe the client of a request, such as `X-Forwarded-For`. Header
   * changes of a route take precedence.
   *
   * @default "replace"
   */
  readonly forwardedHeaders?: ForwardedHeaders;
  /**
   * Maximum size of all headers of a request in KiB, for http, http2 and gRPC listeners. To larger ones, the gateway responds with status
   * 431. The Envoys of the services still have Envoy's default, so only a smaller value has an effect without further settings. If this
   * changes, Nomad replaces the allocations of the gateway.
   *
   * @default 60, Envoy's default
   * @see https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/max_request_headers
   */
  readonly maxRequestHeadersKib?: number;
}

/** The runtime value of Envoy for listeners that do not set the maximum, as Consul's do not before 1.22. */
const MAX_REQUEST_HEADERS = "envoy.reloadable_features.max_request_headers_size_kb";

interface ProxyConfigPart {
  /** Returns options of the proxy configuration, in addition to those of the sidecar. @default none */
  readonly proxyConfig?: (graph: Snapshot) => Readonly<Record<string, unknown>> | undefined;
}

/** A gateway for clients outside the mesh, which connect to ports of the nodes. */
export abstract class InboundGateway<
  Listener extends GatewayListener = GatewayListener,
  Props extends InboundGatewayBaseProps<Listener> = InboundGatewayBaseProps<Listener>,
> extends Gateway<Props> {
  /** @internal */
  constructor(
    scope: Construct,
    id: string,
    props: Props & InMesh,
    kind: "API gateway" | "ingress gateway",
    shape: Shape<Props & InMesh>,
  ) {
    super(scope, id, props, kind, shape);
    if (props.listeners.length === 0) {
      throw new MeshError(this, "It has no listener.", "Add at least one.");
    }
  }

  /** The listeners of the gateway. */
  get listeners(): readonly Listener[] {
    return this.props.listeners;
  }

  /** @param consulKind kind of the gateway in Consul */
  protected declareFront(
    consulKind: InboundGatewayParts["kind"],
    { files, needs, proxyConfig }: Pick<GatewayParts, "files" | "needs"> & ProxyConfigPart,
  ): void {
    const { serviceName } = this;
    const listeners = this.listeners.map(({ record }) => record);
    this.declare({
      ...{ listeners, files, needs },
      hostPorts: listeners.map(({ hostPort }) => hostPort),
      render: (graph) =>
        renderInboundGatewayJob(this.props, {
          serviceName,
          kind: consulKind,
          runtime: this.allRuntime,
          proxyConfig: proxyConfig?.(graph),
          ports: this.listeners.map(({ name, record: { port, hostPort } }) => ({ label: name, port, hostPort })),
        }),
    });
  }

  private get allRuntime(): Readonly<Record<string, number>> | undefined {
    const { maxRequestHeadersKib } = this.props;
    return maxRequestHeadersKib === undefined
      ? this.envoyRuntime
      : { ...this.envoyRuntime, [MAX_REQUEST_HEADERS]: maxRequestHeadersKib };
  }

  /** @param port port of the listener; default: the port of the only listener */
  protected listenerAt(port: number | undefined): Listener {
    const [first, ...others] = this.listeners;
    const known = `Its listeners: ${this.listeners.map(({ options }) => options.port).join(", ")}.`;
    if (port === undefined && others.length > 0) {
      throw new MeshError(this, "It has several listeners, but the route does not set one.", known);
    }
    const found = port === undefined ? first : this.listeners.find(({ options }) => options.port === port);
    if (found === undefined) {
      throw new MeshError(this, `It has no listener on port ${port}.`, known);
    }
    return found;
  }

  /** Changes to the headers of all requests of a listener. The changes of a route take precedence. */
  protected headerChangesAt({ options }: Listener): HeaderChanges {
    return changesFor(this.props.forwardedHeaders ?? "replace", options.tls !== undefined);
  }

  /** @throws MeshError for a second route of a tcp listener */
  protected addRouteRecord(
    { options: { port }, protocol }: Listener,
    route: Omit<GatewayRouteRecord, "listener">,
  ): void {
    const key = this.node.path;
    Graph.of(this).write(this, ({ routes }) => {
      const known = routes.get(key) ?? [];
      routes.set(key, known);
      if (protocol === Protocol.TCP && known.some(({ listener }) => listener === port)) {
        throw new MeshError(
          this,
          `Its listener on port ${port} is a tcp listener, and already has a service.`,
          "Use a separate listener for the other service.",
        );
      }
      known.push({ ...route, listener: port });
    });
  }
}

/** The `service-defaults` of the services to which a gateway routes: Consul validates its entries against their protocols. */
export function defaultsOf(targets: readonly Reference[]): readonly Need[] {
  return targets.map(({ service, tenancy }) => ({ entry: { kind: "service-defaults", name: service, tenancy } }));
}

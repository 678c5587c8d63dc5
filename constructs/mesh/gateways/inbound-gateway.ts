import type { Construct } from "constructs";
import { changesFor, type ForwardedHeaders } from "../../consul/forwarded-headers";
import type { HeaderChanges } from "../../consul/header-changes";
import { Protocol } from "../../consul/protocol";
import { MeshError } from "../../core/errors";
import { Graph } from "../../model/graph";
import type { Need } from "../../model/needs";
import type { GatewayRouteRecord, ListenerRecord, Reference } from "../../model/records";
import { renderInboundGatewayJob, type InboundGatewayParts } from "../../nomad/inbound-gateway-job";
import { referenceTo, type IMeshService } from "../mesh-member";
import { Gateway, type GatewayBaseProps, type GatewayParts, type InMesh } from "./gateway";
import type { Place } from "../../core/problems";
import type { Shape } from "../../core/shape";

/** What the listeners of all gateways have in common. */
export interface ListenerOptions {
  /** Port on which the gateway listens; it names the listener. */
  readonly port: number;
  /** Port of the node that leads there. A node has it once, so instances of the gateway need as many nodes. @default `port` */
  readonly hostPort?: number;
}

/** Where a gateway takes connections from outside the mesh. */
export interface GatewayListener {
  /** What clients speak to it; the services that it leads to must speak the same. */
  readonly protocol: Protocol;
  /** Port and TLS, as they were given. */
  readonly options: ListenerOptions & {
    /** @default plaintext */
    readonly tls?: object;
  };
  /** @internal */
  examine(place: Place): void;
  /** @internal Its name in the config entry. */
  readonly name: string;
  /** @internal */
  readonly record: ListenerRecord;
}

/** What a gateway takes that lets others into the mesh. */
export interface InboundGatewayBaseProps<Listener extends GatewayListener> extends GatewayBaseProps {
  /** Where it takes connections from outside the mesh: at least one. */
  readonly listeners: readonly Listener[];
  /**
   * What becomes of headers by which clients say where they come from and how, `X-Forwarded-For` and its like, of requests at
   * its http, http2 and gRPC listeners. What a route says of a header goes before it.
   *
   * @default "replace"
   */
  readonly forwardedHeaders?: ForwardedHeaders;
}

/** A gateway that lets those outside into the mesh, on ports of the node. */
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

  /** Where it takes connections. */
  get listeners(): readonly Listener[] {
    return this.props.listeners;
  }

  /** @param consulKind as Consul names it */
  protected declareFront(
    consulKind: InboundGatewayParts["kind"],
    { files, needs }: Pick<GatewayParts, "files" | "needs">,
  ): void {
    const { serviceName } = this;
    const listeners = this.listeners.map(({ record }) => record);
    this.declare({
      ...{ listeners, files, needs },
      hostPorts: listeners.map(({ hostPort }) => hostPort),
      render: () =>
        renderInboundGatewayJob(this.props, {
          serviceName,
          kind: consulKind,
          runtime: this.envoyRuntime,
          ports: this.listeners.map(({ name, record: { port, hostPort } }) => ({ label: name, port, hostPort })),
        }),
    });
  }

  /** @param port default: that of the only listener */
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

  /** What it does to each request of a listener before a route's own changes. */
  protected headerChangesAt({ options }: Listener): HeaderChanges {
    return changesFor(this.props.forwardedHeaders ?? "replace", options.tls !== undefined);
  }

  protected referencesTo(targets: readonly (IMeshService | string)[]): readonly Reference[] {
    return targets.map((target) => referenceTo(target, this.mesh));
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

/** The defaults of the services to which a gateway leads: Consul judges its entries by their protocols. */
export function defaultsOf(targets: readonly Reference[]): readonly Need[] {
  return targets.map(({ service }) => ({ entry: { kind: "service-defaults", name: service } }));
}

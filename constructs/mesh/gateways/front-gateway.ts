import type { Construct } from "constructs";
import { ConsulConfigEntry } from "../../consul/consul-config-entry";
import { changesFor, type ForwardedHeaders } from "../../consul/forwarded-headers";
import type { HeaderChanges } from "../../consul/header-changes";
import type { Protocol } from "../../consul/protocol";
import type { Needs } from "../../dependencies";
import { MeshError } from "../../core/errors";
import { renderFrontGatewayJob, type FrontGatewayParts } from "../../nomad/front-gateway-job";
import type * as nomad from "../../nomad/generated/job";
import { Intention, type IntentionOptions } from "../intention";
import { meshOf, nameOf, type IMeshMember, type IMeshService } from "../mesh-member";
import { Gateway, type GatewayBaseProps, type InMesh } from "./gateway";

/** What the listeners of all gateways have in common. */
export interface ListenerOptions {
  /** Port on which the gateway listens; it names the listener. */
  readonly port: number;
  /** Port of the node that leads there. A node has it once, so instances of the gateway need as many nodes. @default `port` */
  readonly hostPort?: number;
}

/** Where a gateway takes connections from outside the mesh. */
export interface GatewayListener {
  readonly protocol: Protocol;
  readonly options: ListenerOptions & { readonly tls?: object };
}

/** What a gateway takes that lets others into the mesh. */
export interface FrontGatewayBaseProps<Listener extends GatewayListener> extends GatewayBaseProps {
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

/** How a gateway leads from a listener to services. */
export interface GatewayRoute {
  /** The services to which it leads, or their names. */
  readonly targets: readonly (IMeshService | string)[];
  /** Names that a request must be for; empty where any will do. */
  readonly hosts: readonly string[];
  /** What no other route of the listener may lead elsewhere, in words. */
  readonly claims: readonly string[];
}

/** A gateway that lets those outside into the mesh, on ports of the node. */
export abstract class FrontGateway<
  Listener extends GatewayListener = GatewayListener,
  Route extends GatewayRoute = GatewayRoute,
  Props extends FrontGatewayBaseProps<Listener> = FrontGatewayBaseProps<Listener>,
> extends Gateway<Props> {
  private readonly routesByListener = new Map<Listener, Route[]>();

  constructor(
    scope: Construct,
    id: string,
    props: Props & InMesh,
    private readonly consulKind: FrontGatewayParts["kind"],
  ) {
    super(scope, id, props);
    if (props.listeners.length === 0) {
      throw new MeshError(this, "It has no listener.", "Give it at least one.");
    }
  }

  /** Where it takes connections. */
  get listeners(): readonly Listener[] {
    return this.props.listeners;
  }

  /** How it leads from its listeners to services. */
  get routes(): readonly Route[] {
    return [...this.routesByListener.values()].flat();
  }

  /** How it leads on from a listener. */
  routesFrom(listener: Listener): readonly Route[] {
    return this.routesByListener.get(listener) ?? [];
  }

  /** @internal Why a listener cannot have a route for a host: a sentence, and what to do. */
  abstract problemOfHost(listener: GatewayListener, host: string): [problem: string, fix: string] | undefined;

  /** The services to which a route leads; `undefined` where the graph does not know the name. */
  destinationsOf({ targets }: Pick<GatewayRoute, "targets">): [name: string, service: IMeshService | undefined][] {
    return targets.map((target) => [
      nameOf(target),
      typeof target === "string" ? this.mesh.findService(target) : target,
    ]);
  }

  /** The defaults of the services to which it leads: Consul judges its entries by their protocols. */
  protected get defaultsOfServices(): Needs {
    return this.routes.flatMap((route) => this.defaultsOf(route));
  }

  protected defaultsOf(route: Pick<GatewayRoute, "targets">): Needs {
    return this.destinationsOf(route).map(([, service]) =>
      service !== undefined && "defaults" in service && service.defaults instanceof ConsulConfigEntry
        ? service.defaults
        : undefined,
    );
  }

  override get hostPorts(): readonly number[] {
    return this.listeners.map(({ options }) => options.hostPort ?? options.port);
  }

  protected override renderAnew(): nomad.Job {
    return renderFrontGatewayJob(this.effectiveProps, {
      serviceName: this.serviceName,
      kind: this.consulKind,
      runtime: this.envoyRuntime,
      ports: this.listeners.map(({ options: { port, hostPort } }) => ({
        label: `listener-${port}`,
        port,
        hostPort: hostPort ?? port,
      })),
    });
  }

  /** @param port default: that of the only listener */
  protected listenerAt(port: number | undefined): Listener {
    const [first, ...others] = this.listeners;
    const known = `Its listeners: ${this.listeners.map(({ options }) => options.port).join(", ")}.`;
    if (port === undefined && others.length > 0) {
      throw new MeshError(this, "It has several listeners, and a route names none of them.", known);
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

  protected record(listener: Listener, route: Route): void {
    const routes = this.routesByListener.get(listener);
    if (routes === undefined) {
      this.routesByListener.set(listener, [route]);
    } else {
      routes.push(route);
    }
    this.mesh.revision++;
  }

  protected intend(target: IMeshService | string, options: IntentionOptions): Intention {
    return meshOf(target, this.mesh).addIntention(new Intention(this, this, nameOf(target), options));
  }
}

/** @internal */
export function isFrontGateway(member: IMeshMember): member is FrontGateway {
  return member instanceof FrontGateway;
}

/** @internal Whether it can be the name of a host; `*` may stand for the leftmost label. */
export function isHostName(host: string): boolean {
  return /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i.test(host);
}

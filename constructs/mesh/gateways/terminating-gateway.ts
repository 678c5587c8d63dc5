import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type { GatewayAccess } from "../../consul/gateway-access";
import { normalizingRuntime } from "../../nomad/envoy-normalization";
import {
  gatewayTaskName,
  listeningCheck,
  renderGatewayBlockJob,
  sidecarOf,
  type GatewayBlockProps,
} from "../../nomad/gateway-job";
import type * as nomad from "../../nomad/generated/job";
import type { ExternalService } from "./external-service";
import { Gateway, type GatewayBaseProps, type InMesh } from "./gateway";

/** What {@link ServiceMesh.addTerminatingGateway} takes. */
export interface TerminatingGatewayBaseProps extends GatewayBaseProps, GatewayBlockProps {}

/** Props of {@link TerminatingGateway}. */
export interface TerminatingGatewayProps extends TerminatingGatewayBaseProps, InMesh {}

/**
 * The way out of the mesh: services reach it by mutual TLS like any other, it asks the intentions of the service outside, and
 * speaks TLS with that service's own authority.
 *
 * Nomad writes its config entry from the job. (It leaves the entry there when the job goes; without a gateway it means
 * nothing.)
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south/terminating-gateway
 */
export class TerminatingGateway extends Gateway<TerminatingGatewayBaseProps> {
  private readonly ownServices: ExternalService[] = [];

  constructor(scope: Construct, id: string, props: TerminatingGatewayProps) {
    super(scope, id, props);
    this.addJob();
  }

  /** Leads to a service outside. Who may go there is said at that service: `connectTo`, `allowFrom`. */
  addService(service: ExternalService): void {
    if (!this.ownServices.includes(service)) {
      this.ownServices.push(service);
      this.mesh.revision++;
    }
  }

  /** The services outside that it leads to. */
  get services(): readonly ExternalService[] {
    return this.ownServices;
  }

  override get kind(): string {
    return "terminating gateway";
  }

  override get hostPorts(): readonly number[] {
    return [];
  }

  override get envoyFiles(): readonly string[] {
    return this.ownServices.flatMap(({ props: { tls } }) =>
      [tls?.caFile, tls?.certFile, tls?.keyFile].filter((file) => file !== undefined),
    );
  }

  protected override addRule(access: GatewayAccess): AclBindingRule {
    const services = () => this.ownServices.map(({ serviceName }) => serviceName);
    return access.allowTerminatingGateway(this.serviceName, services, this.workload);
  }

  protected override renderAnew(): nomad.Job {
    const props = this.effectiveProps;
    const pathOf = (file: string | undefined) =>
      file === undefined ? undefined : sidecarOf(props).pathOf(gatewayTaskName("terminating", this.serviceName), file);
    return renderGatewayBlockJob(props, {
      serviceName: this.serviceName,
      kind: "terminating",
      runtime: { ...this.envoyRuntime, ...this.normalizingRuntime },
      gateway: {
        Terminating: {
          Services: this.ownServices.map(({ serviceName, sni, props: { tls } }) => ({
            Name: serviceName,
            CAFile: pathOf(tls?.caFile),
            CertFile: pathOf(tls?.certFile),
            KeyFile: pathOf(tls?.keyFile),
            SNI: sni,
          })),
        },
      },
      ports: [],
      service: {
        // Without a port of its own Nomad gives it a dynamic one, where its Envoy listens; the check is of that port.
        Checks: [listeningCheck(`${this.serviceName} listens`)],
      },
    });
  }

  /** Its Envoy decides on requests for services outside, as sidecars do on those for theirs. */
  private get normalizingRuntime(): Readonly<Record<string, number>> | undefined {
    const normalization = this.mesh.requestNormalization;
    const intentions = this.ownServices.flatMap(({ serviceName }) => this.mesh.intentionsFor(serviceName));
    return normalization !== undefined && intentions.some(({ options }) => options.permissions !== undefined)
      ? normalizingRuntime(normalization)
      : undefined;
  }
}

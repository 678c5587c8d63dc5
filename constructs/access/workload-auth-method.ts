import { AclBindingRule, type AclBindingRuleConfig } from "@cdktf/provider-consul/lib/acl-binding-rule";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { escapeTemplate } from "../core/terraform-json";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { type ConsulAclRules, forPrefixes } from "../consul/acl-rules";

/** Which workload a gateway is. */
export interface GatewayWorkload {
  /** ID of the gateway's job. @default the gateway's name */
  readonly job?: string;
  /** Nomad namespace of the job. @default "default" */
  readonly namespace?: string;
  /**
   * Consul datacenter of the gateway. Policies are known to all datacenters that are joined, so their names bear it.
   *
   * @default the provider's own, whose gateways are the only ones of their names
   */
  readonly datacenter?: string;
}

/**
 * Which of Nomad's workloads may be a gateway in Consul. A gateway needs more rights than a service gets by default; it gets them by rules
 * of the auth method with which Nomad's workloads log in, for one service of one job in one namespace.
 *
 * Each method returns what the gateway's job has to wait for.
 */
export abstract class WorkloadAuthMethod extends Construct {
  /** Name of the auth method. */
  protected abstract readonly methodName: string;

  /**
   * Lets one job run as an API gateway: Consul's agent reads the gateway's listeners, routes and certificates with the token of
   * its service. Its Envoy logs in as the proxy service of the gateway, a service of the same job by which it comes to its
   * bootstrap.
   *
   * @param gateway name of the gateway's service, and of its config entry
   * @param proxyService name of that other service; default: the gateway's name and `-envoy`
   * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/api-gateway
   */
  allowApiGateway(gateway: string, workload: GatewayWorkload = {}, proxyService = `${gateway}-envoy`): AclBindingRule {
    return this.bind(`ApiGateway-${gateway}`, {
      description: `The API gateway ${gateway}`,
      bindType: "templated-policy",
      bindName: "builtin/api-gateway",
      bindVars: { name: gateway },
      selector: selectorOf([gateway, proxyService], { job: gateway, ...workload }),
    });
  }

  /**
   * Lets one job run as an ingress gateway that Terraform owns: the proxy service, as which its Envoy logs in, may also speak for
   * the gateway's service.
   *
   * @param gateway name of the gateway's service, and of its config entry
   * @param proxyService name of that other service; default: the gateway's name and `-envoy`
   * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/ingress-gateway
   */
  allowIngressGateway(
    gateway: string,
    workload: GatewayWorkload = {},
    proxyService = `${gateway}-envoy`,
  ): AclBindingRule {
    return this.bind(`IngressGateway-${gateway}`, {
      description: `The ingress gateway ${gateway}`,
      bindType: "service",
      bindName: gateway,
      selector: selectorOf([proxyService], { job: gateway, ...workload }),
    });
  }

  /**
   * Lets a terminating gateway, in a job with a `gateway` block, speak for services outside the mesh.
   *
   * @param gateway name of the gateway's service
   * @param services those outside, by their names in the catalog; as a function where more may follow
   * @see https://developer.hashicorp.com/consul/docs/north-south/terminating-gateway
   */
  allowTerminatingGateway(
    gateway: string,
    services: readonly string[] | (() => readonly string[]),
    workload?: GatewayWorkload,
  ): AclBindingRule {
    return this.allowByPolicy("terminating gateway", gateway, workload, () => ({
      service: forPrefixes(typeof services === "function" ? services() : services, "write"),
    }));
  }

  /**
   * Lets a mesh gateway, in a job with a `gateway` block, have a certificate that stands for the whole datacenter, and see
   * the clusters that are peered with it. Consul knows no smaller right for the former than all that concerns the mesh as a
   * whole: anyone who may run a job of that name in that namespace has it.
   *
   * @param gateway name of the gateway's service
   * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/mesh-gateway
   */
  allowMeshGateway(gateway: string, workload?: GatewayWorkload): AclBindingRule {
    return this.allowByPolicy("mesh gateway", gateway, workload, () => ({ mesh: "write", peering: "read" }));
  }

  /** What rules refer to the auth method by: its name, or the attribute of its resource. */
  protected get authMethod(): string {
    return this.methodName;
  }

  /** Binds a rule to the auth method. */
  protected bind(id: string, rule: Omit<AclBindingRuleConfig, "authMethod">): AclBindingRule {
    const bound = new AclBindingRule(this, id, { ...rule, authMethod: this.authMethod });
    addressByIdentity(bound, this.methodName, id);
    return bound;
  }

  private allowByPolicy(
    kind: "terminating gateway" | "mesh gateway",
    gateway: string,
    { datacenter, ...workload }: GatewayWorkload = {},
    rules: () => ConsulAclRules,
  ): AclBindingRule {
    const id = kind === "mesh gateway" ? "MeshGateway" : "TerminatingGateway";
    const description = `The ${kind} ${gateway}`;
    const policy = new ConsulAclPolicy(this, `${id}Policy-${gateway}`, {
      name: [kind.replace(" ", "-"), gateway, ...(datacenter === undefined ? [] : [datacenter])].join("-"),
      description: datacenter === undefined ? description : `${description} in ${datacenter}`,
      rules,
    });
    return this.bind(`${id}-${gateway}`, {
      description,
      bindType: "policy",
      bindName: policy.resource.name,
      selector: selectorOf([gateway], { job: gateway, ...workload }),
    });
  }
}

/** @see https://developer.hashicorp.com/consul/docs/secure/acl/auth-method#binding-rules */
function selectorOf(services: readonly string[], { job, namespace = "default" }: GatewayWorkload): string {
  const claims = { nomad_service: services, nomad_namespace: [namespace], nomad_job_id: [job] };
  return Object.entries(claims)
    .map(([claim, values]) => values.map((value) => `value.${claim} == ${escapeTemplate(JSON.stringify(value))}`))
    .map((choices) => (choices.length === 1 ? choices[0] : `(${choices.join(" or ")})`))
    .join(" and ");
}

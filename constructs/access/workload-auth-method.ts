import { AclBindingRule, type AclBindingRuleConfig } from "@cdktf/provider-consul/lib/acl-binding-rule";
import { TerraformStack } from "cdktf";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import * as is from "../core/shape";
import { escapeTemplate } from "../core/terraform-json";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { type ConsulAclRules, forPrefixes } from "../consul/acl-rules";

/** The workload of a gateway. */
export interface GatewayWorkload {
  /** ID of the gateway's job. @default the gateway's name */
  readonly job?: string;
  /** Nomad namespace of the job. @default "default" */
  readonly namespace?: string;
  /**
   * Consul datacenter of the gateway. It is part of the names of policies, because joined datacenters share their policies.
   *
   * @default that of the provider; the names of policies then contain no datacenter
   */
  readonly datacenter?: string;
  /**
   * In a WAN federation, the auth method of the primary datacenter, with which policies are written: the others copy them.
   *
   * @default policies are written with the rules that name them
   */
  readonly primary?: WorkloadAuthMethod;
}

/** A task of a job. */
export interface TaskWorkload {
  /** ID of the job. */
  readonly job: string;
  /** Name of the task. */
  readonly task: string;
  /** Nomad namespace of the job. @default "default" */
  readonly namespace?: string;
}

const TASK_WORKLOAD_SHAPE: is.Shape<TaskWorkload> = {
  job: is.required(is.name),
  task: is.required(is.name),
  namespace: is.name,
};

/**
 * The auth method with which Nomad's workloads log in, and the rules for workloads that are gateways. A gateway needs more
 * permissions than a service gets by default. Rules grant them to one service of one job in one namespace.
 *
 * Each method returns the resource that the gateway's job must wait for.
 */
export abstract class WorkloadAuthMethod extends Construct {
  /** Name of the auth method. */
  protected abstract readonly methodName: string;

  /**
   * Allows one job to run as an API gateway. Consul's agent reads the gateway's listeners, routes and certificates with the token
   * of its service. Its Envoy logs in as the proxy service of the gateway, a service of the same job with which it gets its
   * bootstrap configuration.
   *
   * @param gateway name of the gateway's service and of its config entry
   * @param proxyService name of the proxy service; default: the gateway's name with the suffix `-envoy`
   * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/api-gateway
   */
  allowApiGateway(gateway: string, workload: GatewayWorkload = {}, proxyService = `${gateway}-envoy`): AclBindingRule {
    return this.bind(`ApiGateway-${gateway}`, {
      description: `The API gateway ${gateway}`,
      bindType: "templated-policy",
      bindName: "builtin/api-gateway",
      bindVars: { name: gateway },
      selector: selectorOfServices([gateway, proxyService], { job: gateway, ...workload }),
    });
  }

  /**
   * Allows one job to run as an ingress gateway that Terraform manages. Its Envoy logs in as the proxy service, which also gets
   * the permissions of the gateway's service.
   *
   * @param gateway name of the gateway's service and of its config entry
   * @param proxyService name of the proxy service; default: the gateway's name with the suffix `-envoy`
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
      selector: selectorOfServices([proxyService], { job: gateway, ...workload }),
    });
  }

  /**
   * Allows a terminating gateway, in a job with a `gateway` block, to represent services outside the mesh.
   *
   * @param gateway name of the gateway's service
   * @param services names of these services in the catalog; a function if more can be added later
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
   * Allows a mesh gateway, in a job with a `gateway` block, to get a certificate for the whole datacenter, and to read the peered
   * clusters. In Consul, the former requires permission to write the configuration of the whole mesh. Anyone who can run a job
   * with this name in this namespace has this permission.
   *
   * @param gateway name of the gateway's service
   * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/mesh-gateway
   */
  allowMeshGateway(gateway: string, workload?: GatewayWorkload): AclBindingRule {
    return this.allowByPolicy("mesh gateway", gateway, workload, () => ({ mesh: "write", peering: "read" }));
  }

  /**
   * Allows one task what a policy states, in addition to what the tasks of its namespace can do. The task gets a token if it has
   * `consulCluster`. Anyone who can run a job with this name in this namespace has the permissions.
   */
  allowTask(workload: TaskWorkload, policy: ConsulAclPolicy): AclBindingRule {
    is.refuseWrongValues(this, workload, TASK_WORKLOAD_SHAPE);
    is.refuseWrongArgument(this, "policy", policy, is.like("a ConsulAclPolicy", "attachTo"));
    const { job, task, namespace = "default" } = workload;
    return this.bind(`Task-${[namespace, job, task].join("-")}`, {
      description: `The task ${task} of the job ${job}`,
      bindType: "policy",
      bindName: policy.resource.name,
      selector: selectorOf({ nomad_task: [task], nomad_namespace: [namespace], nomad_job_id: [job] }),
    });
  }

  /** The reference to the auth method in rules: its name, or the attribute of its resource. */
  protected get authMethod(): string {
    return this.methodName;
  }

  /** Adds a binding rule to the auth method. */
  protected bind(id: string, rule: Omit<AclBindingRuleConfig, "authMethod">): AclBindingRule {
    const bound = new AclBindingRule(this, id, { ...rule, authMethod: this.authMethod });
    addressByIdentity(bound, this.methodName, id);
    return bound;
  }

  private allowByPolicy(
    kind: "terminating gateway" | "mesh gateway",
    gateway: string,
    { datacenter, primary, ...workload }: GatewayWorkload = {},
    rules: () => ConsulAclRules,
  ): AclBindingRule {
    const id = kind === "mesh gateway" ? "MeshGateway" : "TerminatingGateway";
    const description = `The ${kind} ${gateway}`;
    const name = [kind.replace(" ", "-"), gateway, ...(datacenter === undefined ? [] : [datacenter])].join("-");
    const policyId = `${id}Policy-${primary === undefined ? gateway : name}`;
    const policy = new ConsulAclPolicy(primary ?? this, policyId, {
      name,
      description: datacenter === undefined ? description : `${description} in ${datacenter}`,
      rules,
    });
    if (primary !== undefined) TerraformStack.of(this).addDependency(TerraformStack.of(primary));
    return this.bind(`${id}-${gateway}`, {
      description,
      bindType: "policy",
      bindName: primary === undefined ? policy.resource.name : name,
      selector: selectorOfServices([gateway], { job: gateway, ...workload }),
    });
  }
}

/** @see https://developer.hashicorp.com/consul/docs/secure/acl/auth-method#binding-rules */
function selectorOfServices(services: readonly string[], { job, namespace = "default" }: GatewayWorkload): string {
  return selectorOf({ nomad_service: services, nomad_namespace: [namespace], nomad_job_id: [job] });
}

function selectorOf(claims: Readonly<Record<string, readonly (string | undefined)[]>>): string {
  return Object.entries(claims)
    .map(([claim, values]) => values.map((value) => `value.${claim} == ${escapeTemplate(JSON.stringify(value))}`))
    .map((choices) => (choices.length === 1 ? choices[0] : `(${choices.join(" or ")})`))
    .join(" and ");
}

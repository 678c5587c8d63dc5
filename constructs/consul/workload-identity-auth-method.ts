import { AclAuthMethod } from "@cdktf/provider-consul/lib/acl-auth-method";
import { AclBindingRule, type AclBindingRuleConfig } from "@cdktf/provider-consul/lib/acl-binding-rule";
import { AclRole } from "@cdktf/provider-consul/lib/acl-role";
import { Construct } from "constructs";
import { escapeTemplate } from "../terraform-json";
import { ConsulAclPolicy } from "./acl-policy";
import { forPrefixes } from "./acl-rules";
import { goJson } from "./go-json";

/** What the tasks of a Nomad namespace may read in Consul, beside services and nodes. */
export interface TaskAccess {
  /** Prefixes of keys. @default none */
  readonly keyPrefixes?: readonly string[];
}

/** Props of {@link WorkloadIdentityAuthMethod}. */
export interface WorkloadIdentityAuthMethodProps {
  /**
   * Where Nomad publishes the keys that verify its tokens: `https://<a Nomad server>:4646/.well-known/jwks.json`. Consul's
   * servers ask there, when the method is written too.
   */
  readonly jwksUrl: string;
  /** PEM of the authority that signed Nomad's certificate. @default those that Consul's hosts know */
  readonly jwksCaCertificate?: string;
  /**
   * @default "nomad-workloads", as Nomad expects
   * @see https://developer.hashicorp.com/nomad/docs/configuration/consul#service_auth_method
   */
  readonly name?: string;
  /**
   * Whom the tokens are for, as in the `service_identity` and `task_identity` of Nomad's servers.
   *
   * @default "consul.io"
   */
  readonly audience?: string;
  /**
   * The Nomad namespaces whose tasks get a token, if they ask for one with a `consul` block or an identity.
   *
   * @default { default: {} }
   */
  readonly tasks?: Readonly<Record<string, TaskAccess>>;
}

/** Which workload a gateway is. */
export interface GatewayWorkload {
  /** ID of the gateway's job. @default the gateway's name */
  readonly job?: string;
  /** Nomad namespace of the job. @default "default" */
  readonly namespace?: string;
}

/**
 * Lets the workloads of a Nomad cluster get tokens of Consul for the identities that Nomad signs: each service may register
 * itself, and no other, and tasks may find services.
 *
 * There is no limit to a token's life (`MaxTokenTTL`): Nomad does not fetch a second token for a running workload, and removes
 * the token when the workload ends. Tokens are local to the datacenter, so that no workload waits for another datacenter to
 * start.
 *
 * @see https://developer.hashicorp.com/nomad/docs/secure/acl/consul#configuring-consul-authentication
 */
export class WorkloadIdentityAuthMethod extends Construct {
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: AclAuthMethod;

  constructor(scope: Construct, id: string, props: WorkloadIdentityAuthMethodProps) {
    super(scope, id);
    const { name = "nomad-workloads", audience = "consul.io", tasks = { default: {} } } = props;
    this.resource = new AclAuthMethod(this, "Resource", {
      name,
      type: "jwt",
      displayName: name,
      description: "Login method for Nomad workloads using workload identities",
      tokenLocality: "local",
      configJson: goJson({
        BoundAudiences: [audience],
        ClaimMappings: Object.fromEntries(claims.map((claim) => [claim, claim])),
        JWKSCACert: props.jwksCaCertificate,
        JWKSURL: props.jwksUrl,
        JWTSupportedAlgs: ["RS256"],
      }),
    });
    this.bind("Services", {
      description: "Nomad services: each may register itself",
      bindType: "service",
      bindName: escapeTemplate("${value.nomad_service}"),
      selector: isService,
    });
    this.bind("Tasks", {
      description: "Nomad tasks: the role of their namespace",
      bindType: "role",
      bindName: escapeTemplate("nomad-tasks-${value.nomad_namespace}"),
      selector: isTask,
    });
    for (const [namespace, access] of Object.entries(tasks)) {
      this.allowTasks(namespace, access);
    }
  }

  /** Lets the tasks of a Nomad namespace find services and nodes, and read keys. */
  allowTasks(namespace: string, { keyPrefixes = [] }: TaskAccess = {}): void {
    const name = `nomad-tasks-${namespace}`;
    const description = `Tasks of the Nomad namespace ${namespace}`;
    const policy = new ConsulAclPolicy(this, `TaskPolicy-${namespace}`, {
      name,
      description,
      rules: {
        keyPrefix: forPrefixes(keyPrefixes, "read"),
        nodePrefix: { "": "read" },
        servicePrefix: { "": { policy: "read", intentions: "deny" } },
      },
    });
    new AclRole(this, `TaskRole-${namespace}`, { name, description, policies: [policy.resource.id] });
  }

  /**
   * Lets one job run as an API gateway, or as an ingress gateway that Terraform owns. Its Envoy logs in as the companion of
   * the gateway, a service of the same job by which it comes to its bootstrap.
   *
   * @param gateway name of the gateway's service, and of its config entry
   * @param companion name of that other service; default: the gateway's name and `-envoy`
   * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/api-gateway
   */
  allowApiGateway(gateway: string, workload: GatewayWorkload = {}, companion = `${gateway}-envoy`): void {
    this.bind(`ApiGateway-${gateway}`, {
      description: `The API or ingress gateway ${gateway}`,
      bindType: "templated-policy",
      bindName: "builtin/api-gateway",
      bindVars: { name: gateway },
      selector: `${claimIs("nomad_service", companion)} and ${isOfJob(gateway, workload)}`,
    });
  }

  /**
   * Lets a terminating gateway, in a job with a `gateway` block, speak for services outside the mesh.
   *
   * @param gateway name of the gateway's service
   * @param services those outside, by their names in the catalog
   * @see https://developer.hashicorp.com/consul/docs/north-south/terminating-gateway
   */
  allowTerminatingGateway(gateway: string, services: readonly string[], workload: GatewayWorkload = {}): void {
    const policy = new ConsulAclPolicy(this, `TerminatingGatewayPolicy-${gateway}`, {
      name: `terminating-gateway-${gateway}`,
      description: `The services that the terminating gateway ${gateway} speaks for`,
      rules: { service: forPrefixes(services, "write") },
    });
    this.bind(`TerminatingGateway-${gateway}`, {
      description: `The terminating gateway ${gateway}`,
      bindType: "policy",
      bindName: policy.resource.name,
      selector: `${claimIs("nomad_service", gateway)} and ${isOfJob(gateway, workload)}`,
    });
  }

  /**
   * Lets a mesh gateway, in a job with a `gateway` block, have a certificate that stands for the whole datacenter, and see
   * the clusters that are peered with it. Consul knows no smaller right for the former than all that concerns the mesh as a
   * whole: whoever may run a job of that name in that namespace has it.
   *
   * @param gateway name of the gateway's service
   * @see https://developer.hashicorp.com/consul/docs/secure/acl/token/mesh-gateway
   */
  allowMeshGateway(gateway: string, workload: GatewayWorkload = {}): void {
    const policy = new ConsulAclPolicy(this, `MeshGatewayPolicy-${gateway}`, {
      name: `mesh-gateway-${gateway}`,
      description: `The mesh gateway ${gateway}`,
      rules: { mesh: "write", peering: "read" },
    });
    this.bind(`MeshGateway-${gateway}`, {
      description: `The mesh gateway ${gateway}`,
      bindType: "policy",
      bindName: policy.resource.name,
      selector: `${claimIs("nomad_service", gateway)} and ${isOfJob(gateway, workload)}`,
    });
  }

  private bind(id: string, rule: Omit<AclBindingRuleConfig, "authMethod">): void {
    new AclBindingRule(this, id, { ...rule, authMethod: this.resource.name });
  }
}

/** What Nomad's tokens say of a workload, under the names that rules use. */
const claims = ["consul_namespace", "nomad_job_id", "nomad_namespace", "nomad_service", "nomad_task"];
const isService = '"nomad_service" in value';
const isTask = '"nomad_service" not in value';

function isOfJob(gateway: string, { job = gateway, namespace = "default" }: GatewayWorkload): string {
  return `${claimIs("nomad_namespace", namespace)} and ${claimIs("nomad_job_id", job)}`;
}

/** @see https://developer.hashicorp.com/consul/docs/secure/acl/auth-method#binding-rules */
function claimIs(claim: string, value: string): string {
  return `value.${claim} == ${escapeTemplate(JSON.stringify(value))}`;
}

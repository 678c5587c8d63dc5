import { AclAuthMethod } from "@cdktf/provider-consul/lib/acl-auth-method";
import { AclRole } from "@cdktf/provider-consul/lib/acl-role";
import type { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { escapeTemplate } from "../core/terraform-json";
import { ConsulAclPolicy } from "./consul-acl-policy";
import { forPrefixes } from "../consul/acl-rules";
import { WorkloadAuthMethod } from "./workload-auth-method";
import * as is from "../core/shape";
import { goJson } from "../consul/go-json";

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
  /** PEM of the CA that signed Nomad's certificate. @default those that Consul's hosts know */
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

const TASK_ACCESS_SHAPE: is.Shape<TaskAccess> = { keyPrefixes: is.list(is.text) };
const AUTH_METHOD_SHAPE: is.Shape<WorkloadIdentityAuthMethodProps> = {
  jwksUrl: is.required(is.text),
  jwksCaCertificate: is.text,
  name: is.name,
  audience: is.name,
  tasks: is.literal(is.map(is.block(TASK_ACCESS_SHAPE)), "Use a literal value: each namespace gets a policy."),
};

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
export class WorkloadIdentityAuthMethod extends WorkloadAuthMethod {
  /**
   * The auth method of a cluster whose access rules are somebody else's. Nothing is emitted for it; gateways can be allowed.
   *
   * @param name of the method
   */
  static fromName(scope: Construct, id: string, name = DEFAULT_NAME): WorkloadAuthMethod {
    return new ImportedAuthMethod(scope, id, name);
  }

  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: AclAuthMethod;

  protected readonly methodName: string;

  constructor(scope: Construct, id: string, props: WorkloadIdentityAuthMethodProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, AUTH_METHOD_SHAPE);
    const { name = DEFAULT_NAME, audience = "consul.io", tasks = { default: {} } } = props;
    this.methodName = name;
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
    addressByIdentity(this.resource, name);
    this.bind("Services", {
      description: "Nomad services: each can register itself",
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

  protected override get authMethod(): string {
    return this.resource.name;
  }

  /** Lets the tasks of a Nomad namespace find services and nodes, and read keys. */
  allowTasks(namespace: string, access: TaskAccess = {}): void {
    is.refuseWrongValues(this, access, TASK_ACCESS_SHAPE, "tasks", namespace);
    const { keyPrefixes = [] } = access;
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
    const role = new AclRole(this, `TaskRole-${namespace}`, { name, description, policies: [policy.resource.id] });
    addressByIdentity(role, name);
  }
}

/** As Nomad expects. */
const DEFAULT_NAME = "nomad-workloads";

class ImportedAuthMethod extends WorkloadAuthMethod {
  constructor(
    scope: Construct,
    id: string,
    protected readonly methodName: string,
  ) {
    super(scope, id);
  }
}

/** What Nomad's tokens say of a workload, under the names that rules use. */
const claims = ["consul_namespace", "nomad_job_id", "nomad_namespace", "nomad_service", "nomad_task"];
const isService = '"nomad_service" in value';
const isTask = '"nomad_service" not in value';

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

/** What the tasks of a Nomad namespace can read in Consul, in addition to services and nodes. */
export interface TaskAccess {
  /** Prefixes of keys. @default none */
  readonly keyPrefixes?: readonly string[];
}

/** Props of {@link WorkloadIdentityAuthMethod}. */
export interface WorkloadIdentityAuthMethodProps {
  /**
   * URL where Nomad publishes the keys that verify its tokens: `https://<a Nomad server>:4646/.well-known/jwks.json`. Consul's
   * servers also request it when the auth method is written.
   */
  readonly jwksUrl: string;
  /** PEM of the CA that signed Nomad's certificate. @default the CAs that Consul's hosts trust */
  readonly jwksCaCertificate?: string;
  /**
   * Name of the auth method.
   * @default "nomad-workloads", as Nomad expects
   * @see https://developer.hashicorp.com/nomad/docs/configuration/consul#service_auth_method
   */
  readonly name?: string;
  /**
   * Audience of the tokens, as in `service_identity` and `task_identity` of Nomad's servers.
   *
   * @default "consul.io"
   */
  readonly audience?: string;
  /**
   * The Nomad namespaces whose tasks get a Consul token, if they request one with a `consul` block or an identity.
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
 * Allows the workloads of a Nomad cluster to get Consul tokens for the identities that Nomad signs. Each service can register
 * only itself, and tasks can discover services.
 *
 * Tokens do not expire (no `MaxTokenTTL`), because Nomad does not get a second token for a running workload. It deletes the token
 * when the workload stops. Tokens are local to the datacenter, so that workloads can start without another datacenter.
 *
 * @see https://developer.hashicorp.com/nomad/docs/secure/acl/consul#configuring-consul-authentication
 */
export class WorkloadIdentityAuthMethod extends WorkloadAuthMethod {
  /**
   * References the auth method of a cluster whose access rules are managed elsewhere. No auth method is created, but gateways can
   * be allowed.
   *
   * @param name name of the auth method
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

  /** Allows the tasks of a Nomad namespace to discover services and nodes, and to read keys. */
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

/** The name that Nomad expects. */
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

/** The claims of Nomad's tokens, with the names that rules use. */
const claims = ["consul_namespace", "nomad_job_id", "nomad_namespace", "nomad_service", "nomad_task"];
const isService = '"nomad_service" in value';
const isTask = '"nomad_service" not in value';

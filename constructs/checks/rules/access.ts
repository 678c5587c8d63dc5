import type { AclAuthMethod } from "@cdktf/provider-consul/lib/acl-auth-method";
import {
  DefaultTokenResolver,
  StringConcat,
  TerraformDataSource,
  TerraformLocal,
  type TerraformProvider,
  TerraformResource,
  TerraformStack,
  Tokenization,
  type TerraformElement,
} from "cdktf";
import type { IConstruct } from "constructs";
import { describe } from "../../core/errors";
import { constructAt } from "../../model/origin";
import type { Check, CheckedApp, Finding } from "../check";
import { authMethodsIn, providersIn } from "./foreign";
import { gatewaysIn } from "./records";
import { isToken } from "../../core/token";

const providerToken: Check = {
  id: "provider-token-from-own-stack",
  reason:
    "A provider needs its token before its stack creates anything, so such a stack cannot be applied to a new cluster.",
  level: "error",
  *find(app) {
    for (const provider of providersIn(app)) {
      const source = resourceBehind(provider, credentialsOf(provider));
      if (source !== undefined) {
        yield {
          at: provider,
          problem: `Its token comes from ${describe(source)}, which the same stack creates.`,
          fix: "Create the token outside Terraform and pass it in the environment, or create it in a stack that is applied first.",
        };
      }
    }
  },
};

/** Names of the arguments of providers that contain credentials. */
const credentials = new Set(["token", "secret_id", "auth_jwt", "http_auth", "header", "headers", "auth_login"]);

function credentialsOf(provider: TerraformProvider): unknown {
  const { provider: blocks } = resolved(provider, provider.toTerraform()) as {
    provider: Record<string, Record<string, unknown>[]>;
  };
  const attributes = Object.values(blocks)
    .flat()
    .flatMap(Object.entries<unknown>);
  return attributes.filter(([name]) => credentials.has(name)).map(([, value]) => value);
}

/** Returns the resource of the same stack to which a value refers, directly or through data sources and locals. */
function resourceBehind(scope: IConstruct, value: unknown): IConstruct | undefined {
  const open = referencesIn(value);
  if (open.length === 0) {
    return undefined;
  }
  const elements = elementsOf(TerraformStack.of(scope));
  const seen = new Set<IConstruct>();
  for (const reference of open) {
    const element = elements.get(reference);
    if (element !== undefined && TerraformResource.isTerraformResource(element)) {
      return element;
    }
    if (element !== undefined && !seen.has(element)) {
      seen.add(element);
      open.push(...referencesIn(resolved(element, element.toTerraform())));
    }
  }
  return undefined;
}

/** Returns resources, data sources and locals by their names in expressions. */
function elementsOf(stack: TerraformStack): ReadonlyMap<string, TerraformElement> {
  const addressed = stack.node.findAll().flatMap((node): [string, TerraformElement][] => {
    if (TerraformResource.isTerraformResource(node)) {
      return [[`${node.terraformResourceType}.${node.friendlyUniqueId}`, node]];
    }
    if (TerraformDataSource.isTerraformDataSource(node)) {
      return [[`data.${node.terraformResourceType}.${node.friendlyUniqueId}`, node]];
    }
    return node instanceof TerraformLocal ? [[`local.${node.friendlyUniqueId}`, node]] : [];
  });
  return new Map(addressed);
}

/** Returns the names to which the expressions in a value refer: `a.b` for `${a.b.id}`. Only the names are read, not the values. */
function referencesIn(value: unknown): string[] {
  if (typeof value === "string") {
    return [...value.matchAll(/\$\{([^}]*)\}/g)].flatMap(([, expression]) =>
      [...expression.matchAll(/(?:data\.)?[A-Za-z_][\w-]*\.[\w-]+/g)].map(([name]) => name),
    );
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(referencesIn) : [];
}

const maxTokenTtl: Check = {
  id: "max-token-ttl",
  reason: "Nomad requests a workload's Consul token only once: when it expires, the service disappears from Consul.",
  level: "error",
  *find(app) {
    for (const method of nomadAuthMethodsOf(app)) {
      const ttl = method.maxTokenTtlInput;
      // A duration is zero if all its digits are zero.
      if (ttl !== undefined && !isToken(ttl) && /[1-9]/.test(ttl)) {
        yield {
          at: method,
          problem: `The tokens of Nomad's workloads expire after ${ttl}.`,
          fix: "Omit maxTokenTtl: Nomad removes a token when its workload stops.",
        };
      }
    }
  },
};

const accessBeforeMesh: Check = {
  id: "access-before-mesh",
  reason:
    "Jobs that start before Consul accepts Nomad's identities get no token, so their services are not registered.",
  level: "error",
  *find(app) {
    const accesses = new Set([...nomadAuthMethodsOf(app)].map((method) => TerraformStack.of(method)));
    if (accesses.size === 0) {
      return;
    }
    const waits = new Map([...accesses].map((access) => [access, true]));
    for (const stack of stacksOf(app)) {
      if (!waitsForAny(stack, waits)) {
        yield outOfOrder(stack, [...accesses]);
      }
    }
  },
};

/** Returns the stacks with meshes and their jobs. */
function stacksOf({ root, graph }: CheckedApp): readonly TerraformStack[] {
  const { meshes, jobs } = graph.data;
  const paths = new Set([...meshes.values(), ...jobs.values()].map(({ origin }) => origin.stack));
  return [...paths].flatMap((path) => {
    const stack = constructAt(root, path);
    return TerraformStack.isStack(stack) ? stack : [];
  });
}

/** Whether a stack is one of some stacks, or is applied after one of them. @param known results that are already known */
function waitsForAny(stack: TerraformStack, known: Map<TerraformStack, boolean>): boolean {
  const answer = known.get(stack);
  if (answer !== undefined) {
    return answer;
  }
  // A dependency cycle of stacks is reported by another check.
  known.set(stack, false);
  const found = stack.dependencies.some((dependency) => waitsForAny(dependency, known));
  known.set(stack, found);
  return found;
}

const gatewayAccess: Check = {
  id: "gateway-access",
  reason: "With only the permissions of a service, a gateway gets no listener or no certificate from Consul.",
  level: "error",
  *find(app) {
    const strangers = gatewaysIn(app.graph).filter(
      // The job of a gateway whose entry is written manually belongs to another owner.
      ({ key, isGiven }) => isGiven !== true && !app.graph.data.allowed.has(key),
    );
    const accesses = new Set([...nomadAuthMethodsOf(app)].map((method) => describe(TerraformStack.of(method))));
    for (const gateway of accesses.size === 0 ? [] : strangers) {
      yield {
        at: gateway.key,
        problem: `The access rules of ${[...accesses].join(" or ")} allow services, but not this ${gateway.gatewayKind}.`,
        fix: "Pass that stack to its MeshStack as access, set gatewayAuthMethod of its mesh, or call bindTo of the gateway.",
      };
    }
  },
};

function outOfOrder(stack: TerraformStack, accesses: readonly TerraformStack[]): Finding {
  const names = accesses.map(describe).join(" or ");
  return {
    at: stack,
    problem: `Its jobs need the access rules of ${names}, but it can be applied before them.`,
    fix: `Pass that stack to its MeshStack as access, or call addDependency.`,
  };
}

/** Yields the auth methods with which Nomad's workloads get tokens. They are recognized by the claims that only Nomad uses. */
function* nomadAuthMethodsOf(app: CheckedApp): Iterable<AclAuthMethod> {
  for (const method of authMethodsIn(app)) {
    if (method.typeInput === "jwt") {
      const config = JSON.stringify(resolved(method, [method.configJsonInput, method.configInput]));
      if (/\bnomad_(namespace|job_id|service|task)\b/.test(config)) {
        yield method;
      }
    }
  }
}

function resolved(scope: IConstruct, value: unknown): unknown {
  return Tokenization.resolve(value, {
    scope,
    resolver: new DefaultTokenResolver(new StringConcat()),
    preparing: false,
  }) as unknown;
}

export const accessChecks: readonly Check[] = [providerToken, maxTokenTtl, accessBeforeMesh, gatewayAccess];

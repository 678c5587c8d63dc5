import { AclAuthMethod } from "@cdktf/provider-consul/lib/acl-auth-method";
import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { TerraformElement, TerraformProvider } from "cdktf";
import { isResource } from "../../core/resource-type";
import type { Snapshot } from "../../model/snapshot";
import type { CheckedApp } from "../check";

/** Elements of an app that are not part of its graph: providers, and their plain resources. */
interface Foreign {
  readonly providers: readonly TerraformProvider[];
  readonly authMethods: readonly AclAuthMethod[];
  readonly entries: readonly ConfigEntry[];
  readonly jobs: readonly Job[];
}

/** They are collected only once per run, because this visits the whole tree. */
const found = new WeakMap<Snapshot, Foreign>();

export function foreignEntriesIn(app: CheckedApp): readonly ConfigEntry[] {
  return foreignIn(app).entries;
}

export function foreignJobsIn(app: CheckedApp): readonly Job[] {
  return foreignIn(app).jobs;
}

/** Providers of an app. */
export function providersIn(app: CheckedApp): readonly TerraformProvider[] {
  return foreignIn(app).providers;
}

/** Consul's auth methods in an app. */
export function authMethodsIn(app: CheckedApp): readonly AclAuthMethod[] {
  return foreignIn(app).authMethods;
}

function foreignIn({ root, graph }: CheckedApp): Foreign {
  const known = found.get(graph);
  if (known !== undefined) {
    return known;
  }
  const own = new Set<unknown>(graph.emissions.map(({ resource }) => resource));
  const elements = root.node.findAll().filter((node) => TerraformElement.isTerraformElement(node) && !own.has(node));
  const foreign = {
    entries: elements.filter((node) => isResource(ConfigEntry, node)),
    jobs: elements.filter((node) => isResource(Job, node)),
    authMethods: elements.filter((node) => isResource(AclAuthMethod, node)),
    providers: elements.filter((node) => TerraformProvider.isTerraformProvider(node)),
  };
  found.set(graph, foreign);
  return foreign;
}

import type { IConstruct } from "constructs";
import type { Check, CheckedApp } from "../../checks/check";
import { LIFECYCLE_HOOKS } from "../platform/lifecycle-notices";
import { machineGroupsOf, type CheckedMachines } from "./machines";
import { blocksOf, isTrue, resourcesOf } from "./resources";

type Block = Readonly<Record<string, unknown>>;

interface RenderedGroup {
  readonly group: CheckedMachines;
  /** The resource of the Auto Scaling group. */
  readonly at: IConstruct;
  readonly attributes: Block;
}

/** The groups of machines of an app, as Terraform's JSON has them. */
export function renderedGroups(app: CheckedApp): readonly RenderedGroup[] {
  const groups = machineGroupsOf(app.root);
  return resourcesOf(app, "aws_autoscaling_group").flatMap(({ resource, attributes }) => {
    const group = groups.find((it) => it === resource.node.scope);
    return group === undefined ? [] : [{ group, at: resource, attributes }];
  });
}

function serverGroups(app: CheckedApp): readonly RenderedGroup[] {
  return renderedGroups(app).filter(({ group }) => group.options.hosts.hasServers);
}

export const serverHealthChecks: Check = {
  id: "server-health-checks",
  reason:
    "If a cluster loses its quorum, health checks of a load balancer fail, and all of its servers are terminated.",
  level: "error",
  *find(app) {
    for (const { at, attributes } of serverGroups(app)) {
      const { health_check_type: type = "EC2" } = attributes;
      if (type !== "EC2") {
        yield {
          at,
          problem: `The health checks of these servers are ${String(type)}.`,
          fix: 'Set health_check_type to "EC2".',
        };
      }
    }
  },
};

export const serverRefresh: Check = {
  id: "server-refresh",
  reason: "A cluster that loses two of three servers at the same time has no quorum.",
  level: "error",
  *find(app) {
    for (const { at, group, attributes } of serverGroups(app)) {
      const count = group.options.scaling.max;
      for (const { preferences } of blocksOf(attributes.instance_refresh)) {
        const [{ min_healthy_percentage: least = 90, max_healthy_percentage: most = 100 } = {}] = blocksOf(preferences);
        const [fewest, all] = [least, most].map((percent) => Math.ceil((count * Number(percent)) / 100));
        if (fewest < count) {
          yield {
            at,
            problem: `A refresh removes servers before there are new ones: min_healthy_percentage is ${Number(least)}.`,
            fix: "Set it to 100, and max_healthy_percentage to 110.",
          };
        } else if (all > count + 1) {
          yield {
            at,
            problem: `A refresh replaces ${all - count} of ${count} servers at a time: max_healthy_percentage is ${Number(most)}.`,
            fix: "Set it to 110.",
          };
        }
      }
    }
  },
};

export const serverReplacement: Check = {
  id: "server-replacement",
  reason: "To replace a group, Terraform destroys it first, with all of its servers.",
  level: "error",
  *find(app) {
    for (const { at, group, attributes } of serverGroups(app)) {
      const [lifecycle = {}] = blocksOf(attributes.lifecycle);
      if (group.options.isProtected && !isTrue(lifecycle.prevent_destroy)) {
        yield {
          at,
          problem: "Deletion protection is on, and prevent_destroy is not.",
          fix: "Omit the override of lifecycle, or set deletionProtection to false.",
        };
      }
      for (const cause of [lifecycle.replace_triggered_by ?? []].flat() as string[]) {
        yield {
          at,
          problem: `A change of ${cause} replaces the group.`,
          fix: "Omit replace_triggered_by: a changed launch template replaces the servers one at a time.",
        };
      }
      const { name = "" } = attributes;
      if (attributes.name_prefix !== undefined || /\$\{/.test(String(name))) {
        yield {
          at,
          problem: "The name of the group is not known at synth, and a change of the name replaces the group.",
          fix: "Use a literal name.",
        };
      }
      if (hooksOf(attributes) !== HOOKS) {
        yield {
          at,
          problem: "Its hooks are not those of LIFECYCLE_HOOKS, and a change of one replaces the group.",
          fix: "Omit the override of initial_lifecycle_hook, or add a hook as an aws_autoscaling_lifecycle_hook.",
        };
      }
    }
  },
};

/** The hooks of a group, in one order. */
function hooksOf(attributes: Block): string {
  const hooks = blocksOf(attributes.initial_lifecycle_hook).map((hook) =>
    Object.entries(hook).map(([key, value]) => `${key}=${String(value)}`),
  );
  return JSON.stringify(hooks.map((hook) => hook.sort()).sort());
}

const HOOKS = hooksOf({
  initial_lifecycle_hook: Object.values(LIFECYCLE_HOOKS).map(({ name, transition, defaultResult, seconds }) => ({
    name,
    lifecycle_transition: transition,
    default_result: defaultResult,
    heartbeat_timeout: seconds,
  })),
});

export const spotServers: Check = {
  id: "spot-servers",
  reason: "EC2 can interrupt many spot instances of a type at the same time, with a notice of two minutes.",
  level: "error",
  *find(app) {
    for (const { at, attributes } of serverGroups(app)) {
      for (const { instances_distribution } of blocksOf(attributes.mixed_instances_policy)) {
        const [{ on_demand_percentage_above_base_capacity: percent = 100 } = {}] = blocksOf(instances_distribution);
        if (Number(percent) < 100) {
          yield {
            at,
            problem: `${100 - Number(percent)} % of these servers are spot machines.`,
            fix: "Set on_demand_percentage_above_base_capacity to 100.",
          };
        }
      }
    }
  },
};

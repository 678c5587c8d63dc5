import type { IConstruct } from "constructs";
import type { HostGroup } from "../linux/host-group";
import type { ServiceMesh } from "../mesh/service-mesh";
import type { Check, CheckedApp, Finding } from "./check";
import { CHECKS } from "./rules";
import { isSilenced } from "./silence";

/** A finding and the check that made it. */
export interface CheckFinding extends Finding {
  readonly check: Check;
}

const meshes = new WeakMap<IConstruct, ServiceMesh[]>();
const hostGroups = new WeakMap<IConstruct, HostGroup[]>();

/** @internal Makes a mesh known to the checks of its app. */
export function registerMesh(mesh: ServiceMesh): void {
  const { root } = mesh.node;
  meshes.set(root, [...(meshes.get(root) ?? []), mesh]);
}

/** @internal Makes hosts known to the checks of their app. */
export function registerHostGroup(group: HostGroup): void {
  const { root } = group.node;
  hostGroups.set(root, [...(hostGroups.get(root) ?? []), group]);
}

/** @internal Counts the changes of an app's graph. */
export function revisionOf(root: IConstruct): number {
  return (meshes.get(root) ?? []).reduce((total, { revision }) => total + revision, 0);
}

/** Runs every check over the app, less what was silenced. */
export function findingsOf(root: IConstruct): readonly CheckFinding[] {
  const app = { root, meshes: meshes.get(root) ?? [], hostGroups: hostGroups.get(root) ?? [] };
  const findings = CHECKS.flatMap((check) => run(check, app)).filter(
    ({ check, construct }) => !isSilenced(construct, check.id),
  );
  const ids = new Set(findings.map(({ check }) => check.id));
  return findings.filter(({ saidBy }) => saidBy === undefined || !ids.has(saidBy));
}

/** A rule that crashes has not passed. */
function run(check: Check, app: CheckedApp): CheckFinding[] {
  try {
    return [...check.find(app)].map((finding) => ({ check, ...finding }));
  } catch (error) {
    return [
      {
        check: { ...check, level: "error" },
        construct: app.root,
        problem: `The check "${check.id}" could not finish: ${error instanceof Error ? error.message : String(error)}`,
        fix: "Mend what it names, or report this as a defect of Meshform.",
      },
    ];
  }
}

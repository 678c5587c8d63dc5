import type { IConstruct } from "constructs";
import { sharedClass } from "./shared-class";

/**
 * Wrong use of a construct. The message contains the path of the construct, the problem and the fix.
 */
export class MeshError extends Error {
  static {
    sharedClass(this, "MeshError");
  }

  /**
   * @param scope the construct that was used wrongly
   * @param problem one sentence: what is wrong, with the received value
   * @param fix one sentence: what to do
   */
  constructor(
    readonly scope: IConstruct,
    readonly problem: string,
    readonly fix: string,
  ) {
    super(`${describe(scope)}: ${problem} ${fix}`);
    this.name = "MeshError";
  }
}

/**
 * A value that cannot be rendered, found by code without access to the construct. The caller reports it together with the construct.
 */
export class ValueError extends Error {
  static {
    sharedClass(this, "ValueError");
  }

  /**
   * @param problem one sentence: what is wrong, with the received values
   * @param fix one sentence: what to do
   */
  constructor(
    readonly problem: string,
    readonly fix: string,
  ) {
    super(`${problem} ${fix}`);
    this.name = "ValueError";
  }
}

/** The name of a construct in messages: its path in the app. */
export function describe(scope: IConstruct): string {
  return describePath(scope.node.path);
}

/** The name of the construct at a path in messages. */
export function describePath(path: string): string {
  return path || "the app";
}

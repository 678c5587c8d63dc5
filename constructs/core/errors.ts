import type { IConstruct } from "constructs";
import { sharedClass } from "./shared-class";

/**
 * Misuse of a construct. The message names the construct, says what is wrong, and what to do about it.
 */
export class MeshError extends Error {
  static {
    sharedClass(this, "MeshError");
  }

  /**
   * @param scope the construct that was misused
   * @param problem one sentence: what is wrong, with the value received
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
 * A value that something cannot be rendered from, found by code that does not know its construct. It is reported with the construct.
 */
export class ValueError extends Error {
  static {
    sharedClass(this, "ValueError");
  }

  /**
   * @param problem one sentence: what is wrong, with the values received
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

/** How messages name a construct: its path in the app. */
export function describe(scope: IConstruct): string {
  return describePath(scope.node.path);
}

/** How messages name what is at a path. */
export function describePath(path: string): string {
  return path || "the app";
}

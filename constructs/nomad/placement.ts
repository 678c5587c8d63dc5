import { numberText } from "../core/collections";
import type * as nomad from "./generated/job";

/**
 * A condition that a node must meet.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/constraint
 */
export class Constraint {
  private constructor(
    /** @internal */
    readonly rendered: nomad.Constraint,
  ) {}

  /** The attribute has this value, e.g. `Constraint.equals("${attr.cpu.arch}", "amd64")`. */
  static equals(attribute: string, value: string): Constraint {
    return Constraint.of(attribute, "=", value);
  }

  /** The attribute has another value. */
  static notEquals(attribute: string, value: string): Constraint {
    return Constraint.of(attribute, "!=", value);
  }

  /** The attribute matches the regular expression (RE2). */
  static matches(attribute: string, pattern: string): Constraint {
    return Constraint.of(attribute, "regexp", pattern);
  }

  /** The attribute is a version in the range, e.g. `">= 1.8, < 2.0"`. */
  static version(attribute: string, range: string): Constraint {
    return Constraint.of(attribute, "version", range);
  }

  /** The node has the attribute. */
  static isSet(attribute: string): Constraint {
    return new Constraint({ LTarget: attribute, Operand: "is_set" });
  }

  /** No two allocations of the group on one node. */
  static distinctHosts(): Constraint {
    return new Constraint({ Operand: "distinct_hosts", RTarget: "true" });
  }

  /** At most this many allocations for each value of the attribute. @param limit default 1 */
  static distinctProperty(attribute: string, limit = 1): Constraint {
    return Constraint.of(attribute, "distinct_property", numberText(limit));
  }

  /** Any other operator that Nomad knows. */
  static of(attribute: string, operator: string, value: string): Constraint {
    return new Constraint({ LTarget: attribute, Operand: operator, RTarget: value });
  }
}

/**
 * A preference for nodes.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/affinity
 */
export class Affinity {
  private constructor(
    /** @internal */
    readonly rendered: nomad.Affinity,
  ) {}

  /** Prefers nodes with this value. @param weight from -100 (avoid) to 100; default 50 */
  static equals(attribute: string, value: string, weight = 50): Affinity {
    return Affinity.of(attribute, "=", value, weight);
  }

  /** Any operator that Nomad knows. @param weight from -100 (avoid) to 100; default 50 */
  static of(attribute: string, operator: string, value: string, weight = 50): Affinity {
    return new Affinity({ LTarget: attribute, Operand: operator, RTarget: value, Weight: weight });
  }
}

/**
 * Spreads allocations over the values of an attribute.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/spread
 */
export class Spread {
  private constructor(
    /** @internal */
    readonly rendered: nomad.Spread,
  ) {}

  /**
   * @param attribute e.g. `"${node.datacenter}"`
   * @param targets percentage for each value; default: evenly over all values
   * @param weight from 1 to 100; default 50
   */
  static over(attribute: string, targets: Readonly<Record<string, number>> = {}, weight = 50): Spread {
    return new Spread({
      Attribute: attribute,
      Weight: weight,
      SpreadTarget: Object.entries(targets).map(([Value, Percent]) => ({ Value, Percent })),
    });
  }
}

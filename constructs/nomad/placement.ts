import type { Place } from "../core/problems";
import * as is from "../core/shape";
import { numberText } from "../core/collections";
import type * as nomad from "./generated/job";

/** All operators of an {@link Affinity}. */
export const AFFINITY_OPERATORS = [
  ...["=", "==", "is", "!=", "not", "<", "<=", ">", ">=", "regexp", "version", "semver"],
  ...["set_contains", "set_contains_all", "set_contains_any"],
] as const;
/** All operators of a {@link Constraint}. */
export const CONSTRAINT_OPERATORS = [
  ...AFFINITY_OPERATORS,
  ...["is_set", "is_not_set", "distinct_hosts", "distinct_property"],
] as const;

/** How an {@link Affinity} compares its attribute. */
export type AffinityOperator = (typeof AFFINITY_OPERATORS)[number];

/** How a {@link Constraint} compares its attribute, or distributes allocations by it. */
export type ConstraintOperator = (typeof CONSTRAINT_OPERATORS)[number];

interface Comparison {
  readonly attribute?: string;
  readonly operator?: string;
  readonly value?: string;
}

const CONSTRAINT: is.Shape<Comparison> = {
  attribute: is.text,
  operator: is.oneOf(CONSTRAINT_OPERATORS),
  value: is.text,
};

const AFFINITY: is.Shape<Comparison & { readonly weight?: number }> = {
  ...CONSTRAINT,
  operator: is.oneOf(AFFINITY_OPERATORS),
  weight: is.number,
};

function wordsOf({ LTarget, Operand, RTarget }: nomad.Constraint): Comparison {
  return { attribute: LTarget, operator: Operand, value: RTarget };
}

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

  /** The attribute has this value, as in `Constraint.equals("${attr.cpu.arch}", "amd64")`. */
  static equals(attribute: string, value: string): Constraint {
    return Constraint.of(attribute, "=", value);
  }

  /** The attribute does not have this value. */
  static notEquals(attribute: string, value: string): Constraint {
    return Constraint.of(attribute, "!=", value);
  }

  /** The attribute matches the regular expression (RE2). */
  static matches(attribute: string, pattern: string): Constraint {
    return Constraint.of(attribute, "regexp", pattern);
  }

  /** The attribute is a version in the range, such as `">= 1.8, < 2.0"`. */
  static version(attribute: string, range: string): Constraint {
    return Constraint.of(attribute, "version", range);
  }

  /** The node has the attribute. */
  static isSet(attribute: string): Constraint {
    return new Constraint({ LTarget: attribute, Operand: "is_set" });
  }

  /** All allocations of the group run on different nodes. */
  static distinctHosts(): Constraint {
    return new Constraint({ Operand: "distinct_hosts", RTarget: "true" });
  }

  /** At most this many allocations for each value of the attribute. @param limit default 1 */
  static distinctProperty(attribute: string, limit = 1): Constraint {
    return Constraint.of(attribute, "distinct_property", numberText(limit));
  }

  /** A condition with any operator of Nomad. */
  static of(attribute: string, operator: ConstraintOperator, value: string): Constraint {
    return new Constraint({ LTarget: attribute, Operand: operator, RTarget: value });
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, wordsOf(this.rendered), CONSTRAINT);
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

  /** Prefers nodes whose attribute has this value. @param weight from -100 (avoid) to 100; default 50 */
  static equals(attribute: string, value: string, weight = 50): Affinity {
    return Affinity.of(attribute, "=", value, weight);
  }

  /** A preference with any operator of Nomad. @param weight from -100 (avoid) to 100; default 50 */
  static of(attribute: string, operator: AffinityOperator, value: string, weight = 50): Affinity {
    return new Affinity({ LTarget: attribute, Operand: operator, RTarget: value, Weight: weight });
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, { ...wordsOf(this.rendered), weight: this.rendered.Weight }, AFFINITY);
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
   * Spreads allocations over the values of a node attribute.
   *
   * @param attribute attribute of the nodes, such as `"${node.datacenter}"`
   * @param targets percentage of the allocations for each value; default: the same percentage for all values
   * @param weight from 1 to 100; default 50
   */
  static over(attribute: string, targets: Readonly<Record<string, number>> = {}, weight = 50): Spread {
    return new Spread({
      Attribute: attribute,
      Weight: weight,
      SpreadTarget: Object.entries(targets).map(([Value, Percent]) => ({ Value, Percent })),
    });
  }

  /** @internal */
  examine(place: Place): void {
    const { Attribute: attribute, Weight: weight, SpreadTarget: targets } = this.rendered;
    is.text(place, "attribute", attribute);
    is.number(place, "weight", weight);
    for (const { Value, Percent } of targets ?? []) {
      is.literal(is.number, "Use a literal value.")(place.block("targets"), Value ?? "", Percent);
    }
  }
}

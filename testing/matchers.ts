import { App } from "cdktf";
import { Construct, type IConstruct } from "constructs";
import { suggestionFor } from "../constructs/core/closest";
import { sentenceOf } from "../constructs/checks/report";
import { reachOf, reportOf, type ReachOptions } from "./synthesized";

/** The matchers that {@link meshMatchers} adds to `expect(app)`. */
export interface MeshMatchers<R> {
  /**
   * Asserts that a service can reach another one. Without a request, or with an incomplete one, all requests must be allowed;
   * with `not`, all must be denied.
   *
   * @example
   * expect(app).toAllow("web", "api", { method: "GET", path: "/orders" });
   * expect(app).not.toAllow("web", "billing");
   */
  toAllow(source: string, destination: string, request?: ReachOptions): R;
  /**
   * Asserts that a check has a finding.
   *
   * @param id of the check
   * @param at path of the construct @default anywhere
   *
   * @example
   * expect(app).not.toHaveFinding("wildcard-allow");
   */
  toHaveFinding(id: string, at?: string): R;
}

declare global {
  // This is how the types of jest and vitest are extended.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace jest {
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type
    interface Matchers<R> extends MeshMatchers<R> {}
  }
}

/** The result of a matcher, as jest and vitest expect it. */
export interface MatcherResult {
  /** Whether it matches, before `not`. */
  readonly pass: boolean;
  /** Explains why the assertion failed. */
  readonly message: () => string;
}

/**
 * Matchers for apps, for jest or vitest.
 *
 * @example
 * import { meshMatchers } from "meshform/testing";
 *
 * expect.extend(meshMatchers);
 */
export const meshMatchers = {
  /** {@inheritDoc MeshMatchers.toAllow} */
  toAllow,
  /** {@inheritDoc MeshMatchers.toHaveFinding} */
  toHaveFinding,
};

function toAllow(
  this: { readonly isNot?: boolean },
  received: unknown,
  source: string,
  destination: string,
  request?: ReachOptions,
): MatcherResult {
  const { allowed, ends } = reachOf(scopeOf(received, "toAllow"), source, destination, request);
  if (allowed === "unknown") {
    throw new Error(`Entries of another team decide whether ${source} can reach ${destination}.`);
  }
  const reasons = ends.map(
    ({ service, by, reason }) => `  - ${service}${by.length > 0 ? ` (by ${by.join(", ")})` : ""}: ${reason}`,
  );
  return {
    // If only some requests are allowed, both `toAllow` and `not.toAllow` fail.
    pass: this.isNot === true ? allowed !== "no" : allowed === "all",
    message: () =>
      [
        `Expected ${source} ${this.isNot === true ? "not to be allowed" : "to be allowed"} to reach ${destination}` +
          `${request === undefined ? "" : ` with ${JSON.stringify(request)}`}, but ${ANSWERS[allowed]}:`,
        ...reasons,
      ].join("\n"),
  };
}

const ANSWERS = { all: "it is allowed", no: "it is not", "some requests": "only some requests are" };

function toHaveFinding(received: unknown, id: string, at?: string): MatcherResult {
  const { checks, findings } = reportOf(scopeOf(received, "toHaveFinding"));
  const ids = checks.map((check) => check.id);
  if (!ids.includes(id)) {
    const suggestion = suggestionFor(id, ids);
    const sentences = [`There is no check "${id}".`, suggestion ?? [], "`meshform checks` lists them all."];
    throw new Error(sentences.flat().join(" "));
  }
  const found = findings.filter((finding) => finding.id === id && (at === undefined || finding.path === at));
  const place = at === undefined ? "" : ` at ${at}`;
  return {
    pass: found.length > 0,
    message: () =>
      found.length > 0
        ? `Expected no finding of ${id}${place}, but found:\n${found.map((finding) => `  - ${sentenceOf(finding)}`).join("\n")}`
        : [
            `Expected a finding of ${id}${place}. These were found:`,
            ...findings.map((finding) => `  - ${sentenceOf(finding)}`),
          ].join("\n"),
  };
}

function scopeOf(received: unknown, matcher: string): IConstruct {
  if (App.isApp(received) || Construct.isConstruct(received)) return received;
  throw new Error(`${matcher} needs an app or a construct: expect(app).${matcher}(…).`);
}

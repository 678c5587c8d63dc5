import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import * as is from "../core/shape";
import { isToken } from "../core/token";

/** Tags by their keys. */
export type Tags = Readonly<Record<string, string>>;

/** @internal */
export const TAGS = is.literal(is.map(is.text), "Use literal tags.");

/** Shared by all copies of the library that an app may have. */
const OWN_TAGS = Symbol.for("meshform.aws-tags");

type Tagged = IConstruct & { [OWN_TAGS]?: Tags };

/**
 * Adds tags to a construct and all constructs below it.
 *
 * @throws MeshError for a tag that AWS refuses
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
 */
export function addTags(scope: Tagged, tags: Tags): void {
  for (const [key, value] of Object.entries(tags)) {
    refuseTag(scope, key, value);
  }
  scope[OWN_TAGS] = { ...scope[OWN_TAGS], ...tags };
}

/** Returns the tags of a resource: `Name`, and the tags of the construct and its parents. Inner constructs override outer ones. */
export function tagsOf(scope: IConstruct, name: string): Record<string, string> {
  const inherited = scope.node.scopes.map((it: Tagged) => it[OWN_TAGS] ?? {});
  return Object.assign({ Name: name }, ...inherited) as Record<string, string>;
}

function refuseTag(scope: IConstruct, key: string, value: string): void {
  const problems: readonly (readonly [boolean, string, string])[] = [
    [key === "" || key.length > 128, `has ${key.length} characters; AWS allows 1 to 128`, "Choose another key."],
    [/^aws:/i.test(key), "begins with aws:, which is reserved for AWS", "Choose another key."],
    [
      key === "Name",
      "is reserved for the name of each resource",
      "Omit it: resources are named after their constructs.",
    ],
    [!isFitting(key), "has characters other than letters, digits, spaces and _.:/=+-@", "Choose another key."],
    [
      !isToken(value) && value.length > 256,
      `has a value of ${value.length} characters; AWS allows 256`,
      "Shorten the value.",
    ],
    [
      !isToken(value) && !isFitting(value),
      `has the value "${value}"; AWS allows letters, digits, spaces and _.:/=+-@`,
      "Choose another value.",
    ],
  ];
  const wrong = problems.find(([isWrong]) => isWrong);
  if (wrong !== undefined) {
    throw new MeshError(scope, `The tag "${key}" ${wrong[1]}.`, wrong[2]);
  }
}

function isFitting(text: string): boolean {
  return /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(text);
}

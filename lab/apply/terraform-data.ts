import { randomUUID } from "node:crypto";
import type { ResourceType } from "./resource-type";

/**
 * A value that is kept in the state alone, and can have other resources replaced once it changes.
 *
 * @see https://developer.hashicorp.com/terraform/language/resources/terraform-data
 */
export const terraformData: ResourceType = {
  fields: { input: "input" },
  required: [],
  isKeptInState: true,
  identity: (_, earlier) => ({ id: earlier?.id ?? randomUUID() }),
  read: () => Promise.resolve({}),
  write: () => Promise.resolve(),
  remove: () => Promise.resolve(),
  attributes: ({ id }) => ({ id }),
};

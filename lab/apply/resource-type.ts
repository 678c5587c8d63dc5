import type { EngineApi } from "../cluster/engine-api";
import { blocksOf, type JsonObject } from "./json";

export interface ApplyContext {
  readonly consul: EngineApi;
  readonly nomad: EngineApi;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** What tells an object apart within its engine. Another identity is another object. Holds no secret: it is recorded. */
export type Identity = Readonly<Record<string, string>>;

/** How one Terraform resource type is applied through an engine's API. */
export interface ResourceType {
  /** What Terraform calls each argument, and where it goes. Any other argument is refused. */
  readonly fields: Fields;
  readonly required: readonly string[];
  /** What the engine is sent. Pure. @throws Error that says what is wrong with the arguments */
  body?(rendered: JsonObject): JsonObject;
  /** Asks the engine's opinion and changes nothing. @throws EngineRefusal if it would refuse the body */
  validate?(context: ApplyContext, body: JsonObject): Promise<void>;
  /** @param earlier The identity under which the resource was applied before. */
  identity(body: JsonObject, earlier: Identity | undefined): Identity;
  /** The object as it is now, without what the engine changes. */
  read(context: ApplyContext, identity: Identity): Promise<JsonObject | undefined>;
  /** Creates the object, or gives the one that `live` shows the body's content. */
  write(context: ApplyContext, body: JsonObject, live: JsonObject | undefined, identity: Identity): Promise<unknown>;
  /**
   * What is to be waited for once it is written, while others go on. Terraform remembers an object that did not come so far: one that
   * is new is replaced by the next apply, another one counts as written.
   *
   * @param written What `write` gave.
   * @param live As `write` was given it.
   */
  settle?(
    context: ApplyContext,
    body: JsonObject,
    written: unknown,
    live: JsonObject | undefined,
    identity: Identity,
  ): (() => Promise<void>) | undefined;
  /** Whether it is written again although nothing about it has changed. */
  isDue?(context: ApplyContext, body: JsonObject, identity: Identity): Promise<boolean>;
  remove(context: ApplyContext, identity: Identity, live: JsonObject): Promise<unknown>;
  /** Whether it is in no engine, but in the state alone. @default false */
  readonly isKeptInState?: boolean;
  /** Attributes in addition to its arguments and `id`. */
  readonly computed?: readonly string[];
  /** What other resources can refer to in addition to its arguments. */
  attributes(identity: Identity, live: JsonObject): JsonObject;
}

export type Fields = Readonly<Record<string, string | Field>>;

export interface Field {
  readonly to: string;
  readonly from: (value: unknown) => unknown;
}

/** @throws Error that names the argument which the type does not take */
export function render(block: JsonObject, fields: Fields): JsonObject {
  return Object.fromEntries(
    Object.entries(block)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]): [string, unknown] => {
        if (!Object.hasOwn(fields, name)) throw new Error(`its argument ${name} is not supported`);
        const field = fields[name];
        return typeof field === "string" ? [field, value] : [field.to, field.from(value)];
      }),
  );
}

/** Nested blocks, as a list of objects. */
export function blocks(to: string, fields: Fields): Field {
  return { to, from: (value) => blocksOf(value).map((block) => render(block, fields)) };
}

/** One nested block, as an object. */
export function block(to: string, fields: Fields): Field {
  return { to, from: (value) => render(blocksOf(value)[0] ?? {}, fields) };
}

const volatile = new Set(["CreateIndex", "ModifyIndex", "CreateTime", "ModifyTime", "Hash", "SecretID"]);

/** The object without what the engine changes, and without secrets. */
export function withoutVolatile(live: unknown, alsoVolatile: readonly string[] = []): JsonObject | undefined {
  if (live === undefined || live === null) return undefined;
  const entries = Object.entries(live as JsonObject);
  return Object.fromEntries(entries.filter(([key]) => !volatile.has(key) && !alsoVolatile.includes(key)));
}

/** Whether two identities of one type are of the same object. */
export function isSame(one: Identity, other: Identity): boolean {
  return Object.keys({ ...one, ...other }).every((key) => one[key] === other[key]);
}

import { ValueError } from "../core/errors";
import { isToken } from "../core/token";
import type { HostData } from "./host";
import type { CloudPlatform, InstanceFactSource } from "./platform";
import { commandLine, quote } from "./shell";

/** What only Terraform knows may be a value of one of these. */
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** How a fact stands in host data: with its value, which is not part of what machines are given. */
const WITH_VALUE = /<instance-fact:([a-z0-9-]+)=([\w-]*)>/g;

/** How it stands in the contents that machines are given. */
const IN_CONTENT = /<instance-fact:([a-z0-9-]+)>/g;

/** Facts of a group of hosts: name → value, which Terraform may fill in. */
export type InstanceFacts = ReadonlyMap<string, string>;

/**
 * A value that machines read at boot from their own tags, by the metadata service of their cloud. Use it for what only Terraform knows, such
 * as an attribute of another resource: user data is compressed before Terraform runs, so that it could not fill it in there.
 *
 * It may be, or be part of, any text that ends up in the content of a host's file, such as `join`, `nodeMeta` or `override`; and part of `assets`
 * behind its scheme. Give {@link CloudInit.tags} to the machines, and let them read their own tags.
 *
 * Every process of the machine can read it, so it must be no secret. Tags are short: 256 characters are safe. Quotation marks,
 * backslashes and control characters are refused at boot, since the contents are JSON.
 *
 * @param name lower-case letters, digits and dashes; one name has one value in a group of hosts
 * @param value text, known to Terraform or before
 * @throws ValueError for another name or another value
 *
 * @example
 * const consul = new ConsulServers(stack, "servers", {
 *   platform,
 *   join: [`${instanceFact("first-server", address.value)}`],
 *   secretStore: { type: "directory", path: "/mnt/shared/secrets" },
 * });
 */
export function instanceFact(name: string, value: string): string {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new ValueError(
      `${JSON.stringify(name)} cannot be the name of an instance fact.`,
      "Use a lower-case letter, then lower-case letters, digits and dashes, 63 characters at most.",
    );
  }
  if (typeof value !== "string") {
    throw new ValueError(
      `The instance fact "${name}" is ${isToken(value) ? "not a string, and known only to Terraform" : `a ${typeof value}, not a string`}.`,
      "Convert it with Token.asString(value).",
    );
  }
  return `<instance-fact:${name}=${Buffer.from(value).toString("base64url")}>`;
}

/**
 * The facts in some texts.
 *
 * @throws ValueError if one name has two values
 */
export function factsIn(texts: readonly string[]): InstanceFacts {
  const facts = new Map<string, string>();
  for (const [, name = "", encoded = ""] of texts.flatMap((text) => [...text.matchAll(WITH_VALUE)])) {
    const value = Buffer.from(encoded, "base64url").toString();
    const known = facts.get(name);
    if (known !== undefined && known !== value) {
      throw new ValueError(
        `The instance fact "${name}" has two values in the same group of hosts.`,
        "Use a different name for each value.",
      );
    }
    facts.set(name, value);
  }
  return facts;
}

/** A text as machines are given it: with the names of its facts, without their values. */
export function withoutValues(text: string): string {
  return text.replaceAll(WITH_VALUE, "<instance-fact:$1>");
}

/**
 * A text with its facts, for hosts that have no metadata service.
 *
 * @param values those that Terraform would fill in, by their names
 * @throws ValueError if one is missing
 */
export function withFacts(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(WITH_VALUE, (_, name: string, encoded: string) => {
    const value = values[name] ?? Buffer.from(encoded, "base64url").toString();
    if (isToken(value)) {
      throw new ValueError(`The instance fact "${name}" is known only to Terraform.`, "Use a literal value here.");
    }
    return value;
  });
}

/**
 * Refuses facts where no machine could put them: everywhere but in the contents of files.
 *
 * @throws ValueError
 */
export function refuseMisplacedFacts({ files, ...rest }: HostData): void {
  const elsewhere = { ...rest, files: files.map(({ path, mode, owner }) => ({ path, mode, owner })) };
  for (const [part, value] of Object.entries(elsewhere)) {
    const name = /<instance-fact:([a-z0-9-]+)=/.exec(JSON.stringify(value))?.[1];
    if (name !== undefined) {
      throw new ValueError(
        `The instance fact "${name}" is in the ${part} of the host ${rest.name}, where machines cannot insert its value.`,
        "Use it in the content of a file instead.",
      );
    }
  }
}

/** Whether the content of a file waits for facts. */
export function hasFacts(content: string): boolean {
  return content.search(IN_CONTENT) >= 0;
}

/**
 * From where machines read facts.
 *
 * @throws ValueError if there are facts, and no platform that knows it
 */
export function factSource(
  facts: readonly string[],
  platform: CloudPlatform | undefined,
): InstanceFactSource | undefined {
  if (facts.length === 0) return undefined;
  if (platform === undefined) {
    throw new ValueError(
      `Machines have no source for the instance fact "${facts.join('", "')}".`,
      "Set platform to the cloud that they run in.",
    );
  }
  return platform.instanceFacts;
}

/** Shell lines that fetch facts, each to a file of its name in `$facts`, by means of the functions of their source. */
export function factLines(facts: readonly string[], source: InstanceFactSource | undefined): string[] {
  if (source === undefined) return [];
  return [
    'facts=/run/meshform/facts\ninstall -d -m 0755 /run/meshform\nrm -rf "$facts"\ninstall -d -m 0700 "$facts"',
    ...source.lines(facts),
  ];
}

/** Shell lines that put the facts into copies of files, by means of {@link FILL_FUNCTION}. */
export function filledLines(paths: readonly string[], folder: string): string[] {
  return paths.length === 0 ? [] : [commandLine(["filled", folder, ...paths])];
}

/** Where the copies are, each below it at its own path. In memory, and only root's. */
export const FILLED = "/run/meshform/facts/files";

/** A function of bash that fills facts in. */
export const FILL_FUNCTION = `filled() { # <folder> <path…>: copies of files, with the facts
  python3 - "$facts" "$@" <<'END'
import pathlib, re, sys
facts, folder = map(pathlib.Path, sys.argv[1:3])
def fact(match):
    value = (facts / match[1]).read_text()
    if re.search(r'["\\\\\\x00-\\x1f]', value):
        sys.exit(f"The instance fact {match[1]} has a quotation mark, a backslash or a control character in it.")
    return value
for path in sys.argv[3:]:
    copy = pathlib.Path(f"{facts}/files{path}")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(re.sub(r"<instance-fact:([a-z0-9-]+)>", fact, pathlib.Path(f"{folder}{path}").read_text()))
END
}`;

/** A text with facts as words of a shell. */
export function shellText(text: string): string {
  return withoutValues(text)
    .split(/(<instance-fact:[a-z0-9-]+>)/)
    .filter((part) => part !== "")
    .map((part) => {
      const name = /^<instance-fact:([a-z0-9-]+)>$/.exec(part)?.[1];
      return name === undefined ? quote(part) : `"$(cat "$facts/${name}")"`;
    })
    .join("");
}

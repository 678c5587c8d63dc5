import { ValueError } from "../core/errors";
import { isToken } from "../core/token";
import type { HostData } from "./host";
import type { CloudPlatform, InstanceFactSource } from "./platform";
import { commandLine, quote } from "./shell";

/** Valid names of instance facts. */
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** An instance fact in host data, with its value. The value is not part of the data that machines get. */
const WITH_VALUE = /<instance-fact:([a-z0-9-]+)=([\w-]*)>/g;

/** An instance fact in the contents that machines get. */
const IN_CONTENT = /<instance-fact:([a-z0-9-]+)>/g;

/** The instance facts of a group of hosts: name → value, which can be an attribute that Terraform resolves. */
export type InstanceFacts = ReadonlyMap<string, string>;

/**
 * Returns a placeholder for a value that machines read at boot from their own tags, through the metadata service of their cloud.
 * Use it for values that only Terraform knows, such as an attribute of another resource: user data is compressed before Terraform
 * runs, so Terraform cannot insert them there.
 *
 * The placeholder can be part of any text that is written to a file of a host, such as `join`, `nodeMeta` or `override`, and part
 * of `assets` after the scheme. Add {@link CloudInit.tags} to the machines, and allow them to read their own tags.
 *
 * The value must not be a secret, because every process of the machine can read it. Tags are short: 256 characters are safe.
 * Values with quotation marks, backslashes or control characters fail at boot, because the contents are JSON.
 *
 * @param name lower-case letters, digits and dashes; a name has one value in a group of hosts
 * @param value text, which can be known only to Terraform
 * @throws ValueError if the name is invalid, or if the value is not a string
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
 * Returns the instance facts in texts.
 *
 * @throws ValueError if a name has two different values
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

/** Replaces instance facts with their names, without the values, as machines get the text. */
export function withoutValues(text: string): string {
  return text.replaceAll(WITH_VALUE, "<instance-fact:$1>");
}

/**
 * Inserts the values of instance facts into a text, for hosts without a metadata service.
 *
 * @param values the values of facts that only Terraform knows, by name
 * @throws ValueError if such a value is missing
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
 * Throws an error for instance facts outside of the contents of files, where machines cannot insert them.
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

/** Whether the content of a file contains instance facts. */
export function hasFacts(content: string): boolean {
  return content.search(IN_CONTENT) >= 0;
}

/**
 * Returns the source from which machines read instance facts.
 *
 * @throws ValueError if there are facts, but the platform is not set
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

/** Returns shell lines that fetch instance facts, each to a file with its name in `$facts`, with the functions of their source. */
export function factLines(facts: readonly string[], source: InstanceFactSource | undefined): string[] {
  if (source === undefined) return [];
  return [
    'facts=/run/meshform/facts\ninstall -d -m 0755 /run/meshform\nrm -rf "$facts"\ninstall -d -m 0700 "$facts"',
    ...source.lines(facts),
  ];
}

/** Returns shell lines that write copies of files with the facts inserted. They need {@link FILL_FUNCTION}. */
export function filledLines(paths: readonly string[], folder: string): string[] {
  return paths.length === 0 ? [] : [commandLine(["filled", folder, ...paths])];
}

/** Directory of the copies, each at its own path below it. It is in memory and can be read only by root. */
export const FILLED = "/run/meshform/facts/files";

/** A bash function that inserts facts into copies of files. */
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

/** A text with instance facts, quoted for a shell. */
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

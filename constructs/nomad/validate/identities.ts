import { itemsOf, known, textsOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";
import { atLeast, time } from "./times";

const DEFAULT = "default";

export function examineIdentities(place: Place, task: nomad.Task): void {
  const named = itemsOf(task.Identities);
  const inOldPlace = known(task.Identity);
  const all = inOldPlace === undefined ? named : [inOldPlace, ...named];
  for (const identity of all) {
    examineIdentity(place.labelled("identity", nameOf(identity)), identity);
  }
  const defaults = named.filter((identity) => nameOf(identity) === DEFAULT);
  if (defaults.length > 1) {
    place.labelled("identity", DEFAULT).refuse("name", DEFAULT, "must be unique in the task", "Set another name.");
  }
}

function nameOf({ Name }: nomad.WorkloadIdentity): string {
  return Name === undefined || Name === "" ? DEFAULT : Name;
}

function examineIdentity(place: Place, identity: nomad.WorkloadIdentity): void {
  const name = nameOf(identity);
  const { ChangeMode = "", ChangeSignal = "", TTL = 0, File, Filepath = "" } = identity;
  if (!/^[a-zA-Z0-9-_]{1,128}$/.test(name)) {
    place.refuse("name", name, "letters, digits, dashes and underscores, at most 128", "Use another name.");
  }
  if (name !== DEFAULT && textsOf(identity.Audience).includes("")) {
    place.refuse("aud", identity.Audience, "non-empty strings", "Set the audience of the identity.");
  }
  if (ChangeMode !== "") {
    place.oneOf("change_mode", ChangeMode, ["noop", "restart", "signal"]);
  }
  if (ChangeMode === "signal" && ChangeSignal === "") {
    place.refuse("change_signal", ChangeSignal, 'a signal with the change mode "signal"', "Name a signal.");
  }
  if (["", "noop", "restart"].includes(ChangeMode) && ChangeSignal !== "") {
    place.refuse("change_signal", ChangeSignal, 'cannot be set without the change mode "signal"', "Omit it.", {
      comparedWith: ChangeMode,
    });
  }
  if (TTL > 0 && name === DEFAULT) {
    place.refuse("ttl", time(TTL), "cannot be set for the default identity", "Set the name of the identity.");
  }
  atLeast(place, "ttl", TTL, 0);
  if (Filepath !== "" && File !== true) {
    place.refuse("filepath", Filepath, "cannot be set without file = true", "Set file to true.", {
      comparedWith: File,
    });
  }
}

/** Examines a `vault` block. Only Nomad validates whether its servers have that Vault. */
export function examineVault(place: Place, vault: nomad.Vault): void {
  const { ChangeMode = "restart", ChangeSignal = "SIGHUP" } = vault;
  place.oneOf("change_mode", ChangeMode === "" ? undefined : ChangeMode, ["noop", "restart", "signal"]);
  if (ChangeMode === "signal" && ChangeSignal === "") {
    place.refuse("change_signal", "", 'a signal with the change mode "signal"', "Name a signal.");
  }
}

export function examineSecrets(place: Place, task: nomad.Task): void {
  const names = new Set<string>();
  for (const secret of itemsOf(task.Secrets)) {
    const { Name = "", Provider = "", Env, Config } = secret;
    const here = place.labelled("secret", Name);
    if (!/^[a-zA-Z0-9_]{1,128}$/.test(Name)) {
      here.refuse("name", Name, "letters, digits and underscores, at most 128", "Use another name.");
    }
    if (names.has(Name)) {
      here.refuse("name", Name, "must be unique in the task", "Rename one of the two.");
    }
    names.add(Name);
    here.required("provider", Provider, 'Use "nomad", "vault" or a plugin.');
    here.required("path", secret.Path, "Set the path of the secret.");
    const isBuiltIn = Provider === "nomad" || Provider === "vault";
    if (Provider === "vault" && task.Vault === undefined) {
      here.refuse("provider", Provider, "cannot be used in a task without a vault block", "Add a vault block.");
    }
    if (isBuiltIn && Object.keys(Env ?? {}).length > 0) {
      here.refuse("env", Env, `cannot be set with the provider "${Provider}"`, "Omit it.", { comparedWith: Provider });
    }
    if (!isBuiltIn && Object.keys(Config ?? {}).length > 0) {
      here.refuse("config", Config, "cannot be set with a plugin as provider", "Omit it.", { comparedWith: Provider });
    }
  }
}

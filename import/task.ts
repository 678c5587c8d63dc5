import { withoutUndefined } from "../constructs/core/without-undefined";
import type * as nomad from "../constructs/nomad/generated/job";
import type { Template } from "../constructs/nomad/template";
import type { Workload } from "../constructs/nomad/workload";
import { block, call, type Call, type Code, type Fields } from "./code";
import { expressing } from "./difference";
import {
  affinities,
  byName,
  constraints,
  duration,
  entries,
  identity,
  items,
  logs,
  resources,
  restart,
  set,
  unless,
} from "./values";

/** What Nomad's parser fills in where a template says nothing. */
const TEMPLATE: Readonly<nomad.Template> = { ChangeMode: "restart", Perms: "0644", Splay: 5e9 };

/** What Nomad's parser fills in where a `vault` block says nothing. */
const VAULT: Readonly<nomad.Vault> = { Env: true, ChangeMode: "restart" };

/** A task as a `Workload` with the same name, driver, configuration and options. */
export function workloadOf(task: nomad.Task): Call {
  const options = taskOptions(task);
  return expressing<nomad.Task>(
    (override) => workload(task, { ...options, override }),
    (made) => withParsersDefaults((made as Workload).render(task.Name ?? "", {})),
    withParsersDefaults(task),
  );
}

function workload({ Driver = "", Config = {} }: nomad.Task, options: Fields): Call {
  const { image, command, args, entrypoint, ...rest } = Config as Fields;
  if (Driver === "docker" && typeof image === "string" && isText(command) && isTexts(args) && isTexts(entrypoint)) {
    return call("Workload.docker", { image, command, args, entrypoint, config: block(rest), ...options });
  }
  if ((Driver === "exec" || Driver === "raw_exec") && typeof command === "string" && isTexts(args)) {
    const driver = Driver === "exec" ? undefined : Driver;
    const config = block({ image, entrypoint, ...rest });
    return call("Workload.exec", { driver, command, args, config, ...options });
  }
  return call("Workload.driver", Driver, Config as Fields, options);
}

function isText(value: Code): boolean {
  return value === undefined || typeof value === "string";
}

function isTexts(value: Code): boolean {
  return value === undefined || (Array.isArray(value) && value.every((it) => typeof it === "string"));
}

function taskOptions(task: nomad.Task): Fields {
  const { Identity, Identities = [], Lifecycle, CSIPluginConfig: csi } = task;
  const identities = [...(Identity ? [{ ...Identity, Name: "default" }] : []), ...Identities];
  return {
    env: entries(task.Env),
    resources: resources(task.Resources),
    templates: items(task.Templates)?.map(templateOf),
    volumeMounts: items(task.VolumeMounts)?.map((mount) => ({
      volume: mount.Volume ?? "",
      destination: mount.Destination ?? "",
      readOnly: set(mount.ReadOnly),
      propagationMode: unless(mount.PropagationMode, "private"),
      selinuxLabel: set(mount.SELinuxLabel),
    })),
    artifacts: items(task.Artifacts)?.map(artifactOf),
    vault: task.Vault && vaultOf(task.Vault),
    secrets: byName(task.Secrets, (secret) => ({
      provider: secret.Provider ?? "",
      path: secret.Path ?? "",
      config: entries(secret.Config) as Fields | undefined,
      env: entries(secret.Env),
    })),
    identities: byName(identities, identity),
    consulCluster: task.Consul && (set(task.Consul.Cluster) ?? "default"),
    actions: byName(task.Actions, ({ Command = "", Args }) => ({ command: Command, args: items(Args) })),
    logs: logs(task.LogConfig),
    dispatchPayload: set(task.DispatchPayload?.File),
    csiPlugin: csi && {
      id: csi.ID ?? "",
      type: csi.Type ?? "",
      mountDir: set(csi.MountDir),
      stagePublishBaseDir: set(csi.StagePublishBaseDir),
      healthTimeout: duration(set(csi.HealthTimeout)),
    },
    user: set(task.User),
    killTimeout: duration(task.KillTimeout),
    killSignal: set(task.KillSignal),
    shutdownDelay: duration(set(task.ShutdownDelay)),
    lifecycle: set(Lifecycle?.Hook) && { hook: Lifecycle?.Hook, sidecar: set(Lifecycle?.Sidecar) },
    leader: set(task.Leader),
    restart: restart(task.RestartPolicy),
    constraints: constraints(task.Constraints),
    affinities: affinities(task.Affinities),
    meta: entries(task.Meta),
  };
}

function templateOf(template: nomad.Template): Call {
  const { EmbeddedTmpl, SourcePath, ChangeScript: script, Wait: wait } = template;
  const options: Fields = {
    destination: template.DestPath ?? "",
    changeMode: unless(template.ChangeMode, script === undefined ? "restart" : "script"),
    changeSignal: set(template.ChangeSignal),
    changeScript: script && {
      command: script.Command ?? "",
      args: items(script.Args),
      timeout: duration(unless(script.Timeout, 5e9)),
      failOnError: set(script.FailOnError),
    },
    env: set(template.Envvars),
    perms: unless(template.Perms, "0644"),
    uid: template.Uid,
    gid: template.Gid,
    once: set(template.Once),
    errMissingKey: set(template.ErrMissingKey),
    wait: wait && block({ min: duration(wait.Min), max: duration(wait.Max) }),
    splay: duration(unless(template.Splay, 5e9)),
    leftDelimiter: set(template.LeftDelim),
    rightDelimiter: set(template.RightDelim),
  };
  return expressing<nomad.Template>(
    (override) =>
      SourcePath === undefined || SourcePath === ""
        ? call("Template.text", EmbeddedTmpl ?? "", { ...options, override })
        : call("Template.source", SourcePath, { ...options, override }),
    (made) => templateWithDefaults((made as Template).rendered),
    templateWithDefaults(template),
  );
}

function artifactOf({ GetterSource = "", GetterOptions = {}, ...artifact }: nomad.TaskArtifact): Code {
  const { checksum, ...options } = GetterOptions;
  const further = block({
    destination: set(artifact.RelativeDest),
    mode: unless(set(artifact.GetterMode), "any"),
    checksum,
    options: entries(options),
    headers: entries(artifact.GetterHeaders),
    insecure: set(artifact.GetterInsecure),
    chown: set(artifact.Chown),
  });
  return further === undefined ? GetterSource : { source: GetterSource, ...further };
}

function vaultOf(vault: nomad.Vault): Fields {
  return {
    role: set(vault.Role),
    policies: items(vault.Policies),
    namespace: set(vault.Namespace),
    cluster: unless(set(vault.Cluster), "default"),
    env: unless(vault.Env, true),
    disableFile: set(vault.DisableFile),
    changeMode: unless(vault.ChangeMode, "restart"),
    changeSignal: set(vault.ChangeSignal),
    allowTokenExpiration: set(vault.AllowTokenExpiration),
  };
}

/** A task with what Nomad's parser would fill in. */
function withParsersDefaults(task: nomad.Task): nomad.Task {
  const cluster = (it: { readonly Cluster?: string }) => ({ ...it, Cluster: set(it.Cluster) ?? "default" });
  const { Identity } = task;
  return {
    ...task,
    Identity: Identity && { ...Identity, Name: "default" },
    Templates: task.Templates?.map(templateWithDefaults),
    Vault: task.Vault && { ...VAULT, ...withoutUndefined(cluster(task.Vault)) },
    Consul: task.Consul && cluster(task.Consul),
    VolumeMounts: task.VolumeMounts?.map((mount) => ({
      ...mount,
      PropagationMode: unless(mount.PropagationMode, "private"),
    })),
    Artifacts: task.Artifacts?.map((artifact) => ({ ...artifact, GetterMode: unless(artifact.GetterMode, "any") })),
  };
}

function templateWithDefaults(template: nomad.Template): nomad.Template {
  const script = template.ChangeScript;
  return {
    ...TEMPLATE,
    ...withoutUndefined(template),
    ChangeScript: script && { ...script, Timeout: script.Timeout ?? 5e9 },
  };
}

import { itemsOf, known, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";
import { holdsVariable } from "./names";
import { escapesAllocation } from "./paths";
import { atLeast, time } from "./times";

const INSIDE = "a path inside the allocation";

export function examineTemplates(place: Place, templates: readonly nomad.Template[] | undefined): void {
  const destinations = new Set<string>();
  itemsOf(templates).forEach((template, index) => {
    const { DestPath = "", SourcePath = "", EmbeddedTmpl = "" } = template;
    const here = place.labelled("template", DestPath === "" ? index + 1 : DestPath);
    if (SourcePath === "" && EmbeddedTmpl === "") {
      here.refuse("data", "", "data or a source", "Set the text of the template, or the path of its source.", {
        comparedWith: SourcePath,
      });
    }
    here.required("destination", DestPath, "Set the path of the rendered file.");
    if (escapesAllocation("task", DestPath)) {
      here.refuse("destination", DestPath, INSIDE, "Use a path below local/ or secrets/.");
    }
    if (destinations.has(DestPath)) {
      here.refuse("destination", DestPath, "must be unique in the task", "Change one of the two.");
    }
    destinations.add(DestPath);
    examineChange(here, template);
    examineRendering(here, template);
  });
}

function examineChange(place: Place, template: nomad.Template): void {
  const { ChangeMode = "restart", ChangeSignal, ChangeScript, Envvars } = template;
  place.oneOf("change_mode", ChangeMode, ["noop", "restart", "signal", "script"]);
  if (ChangeMode === "signal") {
    if (ChangeSignal === "") {
      place.refuse("change_signal", "", 'a signal with the change mode "signal"', "Name a signal, such as SIGHUP.");
    }
    if (Envvars === true) {
      place.refuse(
        "env",
        true,
        'false with the change mode "signal", since a running process keeps its environment',
        'Use the change mode "restart".',
      );
    }
  }
  if (ChangeMode === "script" && (ChangeScript?.Command ?? "") === "") {
    place.refuse(
      "change_script.command",
      ChangeScript?.Command,
      'a program with the change mode "script"',
      "Name the program, which runs in the task.",
      { comparedWith: ChangeScript },
    );
  }
}

function examineRendering(place: Place, { Splay, Perms = "0644", Wait }: nomad.Template): void {
  atLeast(place, "splay", Splay, 0);
  if (Perms !== "" && !(/^[0-7]+$/.test(Perms) && parseInt(Perms, 8) < 0o10000)) {
    place.refuse("perms", Perms, 'permissions in octal, such as "644"', "Correct the permissions.");
  }
  const { Min, Max } = known(Wait) ?? {};
  if (Min !== undefined && Max !== undefined && Min > Max) {
    place.refuse("wait.min", time(Min), `wait.max (${time(Max).text}) or less`, "Swap the two values.", {
      comparedWith: Max,
    });
  }
}

const DIGEST_BYTES: Readonly<Record<string, number>> = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };

export function examineArtifacts(place: Place, artifacts: readonly nomad.TaskArtifact[] | undefined): void {
  itemsOf(artifacts).forEach((artifact, index) => {
    const here = place.labelled("artifact", artifact.GetterSource ?? index + 1);
    here.required("source", artifact.GetterSource, "Set the source of the artifact.");
    here.oneOf("mode", artifact.GetterMode === "" ? undefined : artifact.GetterMode, ["any", "file", "dir"]);
    if (escapesAllocation("task", artifact.RelativeDest ?? "local/")) {
      here.refuse("destination", artifact.RelativeDest, INSIDE, "Use a path below local/.");
    }
    const checksum = known(artifact.GetterOptions)?.checksum;
    if (checksum !== undefined && !holdsVariable(checksum) && !isChecksum(checksum.trim())) {
      here.refuse(
        "options.checksum",
        checksum,
        "md5, sha1, sha256 or sha512, a colon and the digest in hex",
        "Correct the checksum.",
      );
    }
  });
}

function isChecksum(text: string): boolean {
  const [, algorithm = "", digest = ""] = /^([^:]*):([^:]*)$/.exec(text) ?? [];
  return /^[0-9a-f]*$/i.test(digest) && DIGEST_BYTES[algorithm] * 2 === digest.length;
}

/** @param file path of the file with the payload of a dispatched job, relative to `local/` */
export function examineDispatchPayload(place: Place, file: string | undefined): void {
  if (escapesAllocation("task/local/", file ?? "")) {
    place.refuse("file", file, INSIDE, "Use a path below local/.");
  }
}

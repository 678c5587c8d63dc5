import type { Place } from "../core/problems";
import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { overridden } from "./override";

/** A program that Nomad runs in the task when the rendered text changes. */
export interface ChangeScriptOptions {
  /** Path of the program in the task. */
  readonly command: string;
  /** Arguments of the program. @default none */
  readonly args?: readonly string[];
  /** Maximum duration of the program. @default "5s" */
  readonly timeout?: DurationLike;
  /** Whether Nomad kills the task if the program fails. @default false */
  readonly failOnError?: boolean;
}

/** @internal */
export const CHANGE_SCRIPT_SHAPE: is.Shape<ChangeScriptOptions> = {
  command: is.required(is.text),
  args: is.list(is.text),
  timeout: is.duration,
  failOnError: is.flag,
};

/**
 * How Nomad renders a template.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/template
 */
export interface TemplateOptions {
  /** Path of the file below the task's directory, such as `local/app.conf` or `secrets/app.env`. */
  readonly destination: string;
  /** What Nomad does with the task when the rendered text changes. @default "script" if `changeScript` is set, otherwise "restart" */
  readonly changeMode?: "restart" | "signal" | "script" | "noop";
  /** Signal for the change mode `signal`. @default none */
  readonly changeSignal?: Signal;
  /** Program for the change mode `script`. @default none */
  readonly changeScript?: ChangeScriptOptions;
  /** Whether the lines `KEY=value` of the text become environment variables of the task. @default false */
  readonly env?: boolean;
  /** Permissions of the file, in octal. @default "644" */
  readonly perms?: string;
  /** Id of the user that owns the file. @default the user that runs Nomad's client */
  readonly uid?: number;
  /** Id of the group that owns the file. @default the group that runs Nomad's client */
  readonly gid?: number;
  /** Whether Nomad renders the template only once, and ignores later changes. @default false */
  readonly once?: boolean;
  /** Whether a missing key is an error. If false, it is rendered as `<no value>`. @default false */
  readonly errMissingKey?: boolean;
  /** How long Nomad waits for further changes before it renders the template. @default none: it renders the template immediately */
  readonly wait?: {
    /** Time without further changes before Nomad renders the template. @default none */
    readonly min?: DurationLike;
    /** Maximum time before Nomad renders the template, even if there are further changes. @default four times `min` */
    readonly max?: DurationLike;
  };
  /** Maximum of the random time that Nomad waits before `changeMode` takes effect. @default "5s" */
  readonly splay?: DurationLike;
  /** Opening delimiter of actions. Set it if the text itself contains `{{`. @default "{{" */
  readonly leftDelimiter?: string;
  /** Closing delimiter of actions. @default "}}" */
  readonly rightDelimiter?: string;
  /** Other fields of Nomad's template block. @default none */
  readonly override?: Override<nomad.Template>;
}

/** @internal */
export const TEMPLATE_SHAPE: is.Shape<TemplateOptions> = {
  destination: is.required(is.text),
  changeMode: is.oneOf(["restart", "signal", "script", "noop"]),
  changeSignal: signal,
  changeScript: is.block(CHANGE_SCRIPT_SHAPE),
  env: is.flag,
  perms: is.text,
  uid: is.number,
  gid: is.number,
  once: is.flag,
  errMissingKey: is.flag,
  wait: is.block({ min: is.duration, max: is.duration }),
  splay: is.duration,
  leftDelimiter: is.text,
  rightDelimiter: is.text,
  override: is.fields,
};

/** A file that Nomad renders for a task before it starts. */
export class Template {
  private constructor(
    private readonly origin: Pick<nomad.Template, "EmbeddedTmpl" | "SourcePath">,
    private readonly options: TemplateOptions,
  ) {}

  /** A template whose text is in the job. @param text template in the language of consul-template */
  static text(text: string, options: TemplateOptions): Template {
    return new Template({ EmbeddedTmpl: text }, options);
  }

  /** A template in a file that an artifact contains. @param path path of the file */
  static source(path: string, options: TemplateOptions): Template {
    return new Template({ SourcePath: path }, options);
  }

  /** @internal */
  get rendered(): nomad.Template {
    return { ...this.origin, ...render(this.options) };
  }

  /** @internal */
  examine(place: Place): void {
    is.text(place, "text", this.origin.EmbeddedTmpl);
    is.text(place, "path", this.origin.SourcePath);
    is.examineProperties(place, this.options, TEMPLATE_SHAPE);
  }
}

function render(options: TemplateOptions): nomad.Template {
  const rendered = {
    DestPath: options.destination,
    ChangeMode: options.changeMode ?? (options.changeScript && "script"),
    ChangeSignal: options.changeSignal,
    ChangeScript: options.changeScript && {
      Command: options.changeScript.command,
      Args: options.changeScript.args,
      Timeout: optionalNanoseconds(options.changeScript.timeout),
      FailOnError: options.changeScript.failOnError,
    },
    Envvars: options.env,
    Perms: options.perms,
    Uid: options.uid,
    Gid: options.gid,
    Once: options.once,
    ErrMissingKey: options.errMissingKey,
    Wait: options.wait && {
      Min: optionalNanoseconds(options.wait.min),
      Max: optionalNanoseconds(options.wait.max),
    },
    Splay: optionalNanoseconds(options.splay),
    LeftDelim: options.leftDelimiter,
    RightDelim: options.rightDelimiter,
  };
  return overridden<nomad.Template>(rendered, options.override, "a template");
}

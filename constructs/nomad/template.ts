import type { Place } from "../core/problems";
import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { overridden } from "./override";

/** A program that runs in the task when the rendered text changes. */
export interface ChangeScriptOptions {
  /** A program in the task, with its path. */
  readonly command: string;
  /** @default none */
  readonly args?: readonly string[];
  /** How long it may take. @default "5s" */
  readonly timeout?: DurationLike;
  /** Whether the task ends where the program fails. @default false */
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
 * How a template is rendered into a task.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/template
 */
export interface TemplateOptions {
  /** Path below the task's directory, e.g. `local/app.conf`, or `secrets/app.env`. */
  readonly destination: string;
  /** What to do when the rendered text changes. @default "script" where there is a `changeScript`, else "restart" */
  readonly changeMode?: "restart" | "signal" | "script" | "noop";
  /** The signal of change mode `signal`. @default none */
  readonly changeSignal?: Signal;
  /** The program of change mode `script`. @default none */
  readonly changeScript?: ChangeScriptOptions;
  /** Whether the text is read as `KEY=value` lines into the task's environment. @default false */
  readonly env?: boolean;
  /** Permissions in octal. @default "644" */
  readonly perms?: string;
  /** Number of the user that owns the file. @default the one that runs Nomad's client */
  readonly uid?: number;
  /** Number of the group that owns the file. @default the one that runs Nomad's client */
  readonly gid?: number;
  /** Whether it is rendered only once, and changes are not waited for. @default false */
  readonly once?: boolean;
  /** Whether a key that is not there is an error, instead of the text `<no value>`. @default false */
  readonly errMissingKey?: boolean;
  /** How long changes are gathered before it is rendered: at least, and at most. @default at once */
  readonly wait?: {
    /** Quiet time after a change before it is rendered. @default none */
    readonly min?: DurationLike;
    /** Longest delay while changes keep coming. @default four times `min` */
    readonly max?: DurationLike;
  };
  /** Longest random wait before a change takes effect. @default "5s" */
  readonly splay?: DurationLike;
  /** What opens an action, where the text itself has `{{`. @default "{{" */
  readonly leftDelimiter?: string;
  /** What closes an action. @default "}}" */
  readonly rightDelimiter?: string;
  /** Anything else of Nomad's template block. @default none */
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

/** A file that Nomad renders into a task before it starts. */
export class Template {
  private constructor(
    private readonly origin: Pick<nomad.Template, "EmbeddedTmpl" | "SourcePath">,
    private readonly options: TemplateOptions,
  ) {}

  /** The template's text, in Consul Template's language. */
  static text(text: string, options: TemplateOptions): Template {
    return new Template({ EmbeddedTmpl: text }, options);
  }

  /** A file that an artifact brought, as a template. */
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

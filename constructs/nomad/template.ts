import { optionalNanoseconds, type Duration } from "./duration";
import type * as nomad from "./generated/job";

/**
 * How a template is rendered into a task.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/template
 */
export interface TemplateOptions {
  /** Path below the task's directory, e.g. `local/app.conf`, or `secrets/app.env`. */
  readonly destination: string;
  /** What to do when the rendered text changes. @default "restart" */
  readonly changeMode?: "restart" | "signal" | "script" | "noop";
  /** The signal of change mode `signal`. @default none */
  readonly changeSignal?: string;
  /** Whether the text is read as `KEY=value` lines into the task's environment. @default false */
  readonly env?: boolean;
  /** Permissions in octal. @default "644" */
  readonly perms?: string;
  /** Longest random wait before a change takes effect. @default "5s" */
  readonly splay?: Duration;
  /** What opens an action, where the text itself has `{{`. @default "{{" */
  readonly leftDelimiter?: string;
  /** What closes an action. @default "}}" */
  readonly rightDelimiter?: string;
  /** Anything else of Nomad's template block. @default none */
  readonly override?: nomad.Template;
}

/** A file that Nomad renders into a task before it starts. */
export class Template {
  private constructor(
    /** @internal */
    readonly rendered: nomad.Template,
  ) {}

  /** The template's text, in Consul Template's language. */
  static text(text: string, options: TemplateOptions): Template {
    return new Template({ EmbeddedTmpl: text, ...render(options) });
  }

  /** A file that an artifact brought, as a template. */
  static source(path: string, options: TemplateOptions): Template {
    return new Template({ SourcePath: path, ...render(options) });
  }
}

function render(options: TemplateOptions): nomad.Template {
  return {
    DestPath: options.destination,
    ChangeMode: options.changeMode,
    ChangeSignal: options.changeSignal,
    Envvars: options.env,
    Perms: options.perms,
    Splay: optionalNanoseconds(options.splay),
    LeftDelim: options.leftDelimiter,
    RightDelim: options.rightDelimiter,
    ...options.override,
  };
}

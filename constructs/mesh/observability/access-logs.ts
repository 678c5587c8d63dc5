import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { jsonText } from "../../core/terraform-json";
import type * as consul from "../../consul/generated/config-entries";

/** How Envoy writes down each request and connection. */
export interface AccessLogOptions {
  /**
   * A line of JSON: what each field holds, in Envoy's `%COMMANDS%`. Excludes `text`.
   *
   * @default Consul's own: time, method, path, status, flags, duration, bytes, upstream and some more
   * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators
   */
  readonly json?: Readonly<Record<string, unknown>>;
  /** A line of text, in Envoy's `%COMMANDS%`. Excludes `json`. @default JSON */
  readonly text?: string;
  /** Whether connections that Envoy turns away before it knows whom they are for leave no line. @default false */
  readonly disableListenerLogs?: boolean;
}

const ACCESS_LOG_SHAPE: is.Shape<AccessLogOptions> = { json: is.fields, text: is.text, disableListenerLogs: is.flag };

/**
 * Where Envoy writes down each request and connection. It stands in proxy-defaults, so that it holds for every sidecar and
 * gateway, and a change takes effect without a restart.
 *
 * @see https://developer.hashicorp.com/consul/docs/observe/access-log
 *
 * @example
 * new ServiceMesh(stack, "mesh", {
 *   accessLogs: AccessLogs.stdout({ json: { at: "%START_TIME%", path: "%REQ(:PATH)%", status: "%RESPONSE_CODE%" } }),
 * });
 */
export class AccessLogs {
  private constructor(
    private readonly sink: consul.AccessLogsConfig,
    private readonly options: AccessLogOptions,
  ) {}

  /** @internal */
  get rendered(): consul.AccessLogsConfig {
    return { ...this.sink, ...render(this.options) };
  }

  /** @internal */
  examine(place: Place): void {
    if (this.sink.Type === "file") {
      is.required(is.name)(place, "path", this.sink.Path);
    }
    is.examineProperties(place, this.options, ACCESS_LOG_SHAPE);
    const { json, text } = Object(this.options) as AccessLogOptions;
    if (json !== undefined && text !== undefined) {
      place.refuse("text", text, "cannot be set with json", "Set json or text, not both.");
    }
  }

  /** In the log of Envoy's task: `nomad alloc logs`. */
  static stdout(options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "stdout" }, options);
  }

  /** In the error log of Envoy's task, among what Envoy says of itself: `nomad alloc logs -stderr`. */
  static stderr(options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "stderr" }, options);
  }

  /** In a file that Envoy can write, e.g. `/alloc/logs/access.log`. Nobody rotates it. */
  static file(path: string, options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "file", Path: path }, options);
  }
}

function render({ json, text, disableListenerLogs }: AccessLogOptions): consul.AccessLogsConfig {
  return {
    Enabled: true,
    JSONFormat: json && jsonText(json),
    TextFormat: text,
    // Consul leaves out what is false, and each plan would find a difference.
    DisableListenerLogs: disableListenerLogs === true ? true : undefined,
  };
}

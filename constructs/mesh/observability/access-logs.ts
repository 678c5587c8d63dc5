import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { jsonText } from "../../core/terraform-json";
import type * as consul from "../../consul/generated/config-entries";

/** Format of Envoy's access logs. */
export interface AccessLogOptions {
  /**
   * Fields of a line of JSON. Values can contain command operators of Envoy, such as `%START_TIME%`. Cannot be combined with `text`.
   *
   * @default Consul's format: time, method, path, status, flags, duration, bytes, upstream and others
   * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators
   */
  readonly json?: Readonly<Record<string, unknown>>;
  /** A line of text with command operators of Envoy. Cannot be combined with `json`. @default none: `json` */
  readonly text?: string;
  /** Whether Envoy omits connections that it rejects because no filter chain of the listener matches them. @default false */
  readonly disableListenerLogs?: boolean;
}

const ACCESS_LOG_SHAPE: is.Shape<AccessLogOptions> = { json: is.fields, text: is.text, disableListenerLogs: is.flag };

/**
 * Access logs of Envoy: where it logs requests and connections. The setting is in proxy-defaults, so it applies to every sidecar and
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

  /** Logs to stdout of Envoy's task, which `nomad alloc logs` shows. */
  static stdout(options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "stdout" }, options);
  }

  /** Logs to stderr of Envoy's task, together with Envoy's own messages, which `nomad alloc logs -stderr` shows. */
  static stderr(options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "stderr" }, options);
  }

  /** Logs to a file that Envoy can write, such as `/alloc/logs/access.log`. The file is not rotated. */
  static file(path: string, options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "file", Path: path }, options);
  }
}

function render({ json, text, disableListenerLogs }: AccessLogOptions): consul.AccessLogsConfig {
  return {
    Enabled: true,
    JSONFormat: json && jsonText(json),
    TextFormat: text,
    // Consul omits the field if it is false, and each plan would then show a difference.
    DisableListenerLogs: disableListenerLogs === true ? true : undefined,
  };
}

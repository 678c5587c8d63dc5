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
    /** @internal */
    readonly rendered: consul.AccessLogsConfig,
  ) {}

  /** In the log of Envoy's task: `nomad alloc logs`. */
  static stdout(options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "stdout", ...render(options) });
  }

  /** In the error log of Envoy's task, among what Envoy says of itself: `nomad alloc logs -stderr`. */
  static stderr(options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "stderr", ...render(options) });
  }

  /** In a file that Envoy can write, e.g. `/alloc/logs/access.log`. Nobody rotates it. */
  static file(path: string, options: AccessLogOptions = {}): AccessLogs {
    return new AccessLogs({ Type: "file", Path: path, ...render(options) });
  }
}

function render({ json, text, disableListenerLogs }: AccessLogOptions): consul.AccessLogsConfig {
  if (json !== undefined && text !== undefined) {
    throw new RangeError("Access logs are either JSON or text. Give json or text, not both.");
  }
  return {
    Enabled: true,
    JSONFormat: json && jsonText(json),
    TextFormat: text,
    // Consul leaves out what is false, and each plan would find a difference.
    DisableListenerLogs: disableListenerLogs === true ? true : undefined,
  };
}

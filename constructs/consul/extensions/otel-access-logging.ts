import * as is from "../../core/shape";
import { optionalNanoseconds, type DurationLike } from "../../core/duration";
import {
  EXTENSION_GRPC_SERVICE_SHAPE,
  EXTENSION_LISTENER,
  renderGrpcService,
  type ExtensionGrpcService,
  type ExtensionListener,
} from "./target";

/** A value of an OpenTelemetry log record. Strings can contain command operators of Envoy, such as `%REQ(:PATH)%`. */
export type LogValue = string | number | boolean;

/** Options of {@link EnvoyExtension.otelAccessLogging}. */
export interface OtelAccessLoggingOptions extends ExtensionGrpcService {
  /** Which requests are logged: those to the service, or those that the service sends. @default "inbound" */
  readonly listener?: ExtensionListener;
  /** Name of the log, the attribute `log_name` of the resource. @default the value of `listener` */
  readonly logName?: string;
  /**
   * Body of each record.
   *
   * @default none
   * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators
   */
  readonly body?: LogValue;
  /** Attributes of each record. @default none */
  readonly attributes?: Readonly<Record<string, LogValue>>;
  /** Attributes of the resource, which are the same for all records of an Envoy. @default those that Envoy adds */
  readonly resourceAttributes?: Readonly<Record<string, LogValue>>;
  /** Maximum time until records are sent. @default Envoy's: "1s" */
  readonly bufferFlushInterval?: DurationLike;
  /** Size in bytes from which records are sent at once. @default 0: each record is sent at once */
  readonly bufferSizeBytes?: number;
  /** Keys of Envoy's filter state that are logged. @default none */
  readonly filterStateObjectsToLog?: readonly string[];
  /** How Envoy connects again. @default Envoy's */
  readonly retryPolicy?: LogRetryPolicy;
}

/** How often, and after what time, Envoy tries again to send logs. */
export interface LogRetryPolicy {
  /** Number of retries. @default 0 */
  readonly numRetries?: number;
  /** Time before the first retry. It doubles with each further one. @default "1s" */
  readonly baseInterval?: DurationLike;
  /** Maximum time between retries. @default "30s" */
  readonly maxInterval?: DurationLike;
}

const LOG_VALUE = is.rule("a string, a number or true or false", "Use one of them.", (value) =>
  ["string", "number", "boolean"].includes(typeof value),
);

/** @internal */
export const OTEL_ACCESS_LOGGING_SHAPE: is.Shape<OtelAccessLoggingOptions> = {
  ...EXTENSION_GRPC_SERVICE_SHAPE,
  listener: EXTENSION_LISTENER,
  logName: is.text,
  body: LOG_VALUE,
  attributes: is.map(LOG_VALUE),
  resourceAttributes: is.map(LOG_VALUE),
  bufferFlushInterval: is.duration,
  bufferSizeBytes: is.number,
  filterStateObjectsToLog: is.list(is.name),
  retryPolicy: is.block<LogRetryPolicy>({ numRetries: is.number, baseInterval: is.duration, maxInterval: is.duration }),
};

/** @internal */
export function renderOtelAccessLogging(options: OtelAccessLoggingOptions) {
  const { listener = "inbound", retryPolicy } = options;
  return {
    ProxyType: "connect-proxy",
    ListenerType: listener,
    Config: {
      LogName: options.logName,
      GrpcService: renderGrpcService(options),
      // In nanoseconds: Consul reads this argument as a number.
      BufferFlushInterval: optionalNanoseconds(options.bufferFlushInterval),
      BufferSizeBytes: options.bufferSizeBytes,
      FilterStateObjectsToLog: options.filterStateObjectsToLog,
      RetryPolicy: retryPolicy && {
        NumRetries: retryPolicy.numRetries,
        RetryBackOff: {
          BaseInterval: optionalNanoseconds(retryPolicy.baseInterval),
          MaxInterval: optionalNanoseconds(retryPolicy.maxInterval),
        },
      },
      Body: options.body,
      Attributes: options.attributes,
      ResourceAttributes: options.resourceAttributes,
    },
  };
}

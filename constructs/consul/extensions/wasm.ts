import * as is from "../../core/shape";
import { optionalConsulDuration, type DurationLike } from "../../core/duration";
import {
  EXTENSION_LISTENER,
  NAMED_SERVICE,
  serviceReference,
  type ExtensionListener,
  type NamedService,
} from "./target";

/** A WebAssembly module that Envoy downloads from a service of the mesh. */
export interface WasmDownload {
  /** The service, or its name. The service with the extension must be connected to it. */
  readonly service: NamedService;
  /** URL of the module at that service, such as `http://modules.example/filter.wasm`. */
  readonly uri: string;
  /** SHA-256 of the module, in hexadecimal. */
  readonly sha256: string;
  /** Timeout of the download, in whole seconds. @default "1s" */
  readonly timeout?: DurationLike;
  /** Number of retries. @default Envoy's: 1 */
  readonly numRetries?: number;
  /** Time before the first retry, in whole seconds. @default Envoy's: "1s" */
  readonly retryBaseInterval?: DurationLike;
  /** Maximum time between retries, in whole seconds. @default Envoy's: "10s" */
  readonly retryMaxInterval?: DurationLike;
}

/** Options of {@link EnvoyExtension.wasm}. Exactly one of `file` and `download` is required. */
export interface WasmOptions {
  /** Path of the module on the machine or in the container of Envoy. @default none: `download` */
  readonly file?: string;
  /** From where Envoy downloads the module. @default none: `file` */
  readonly download?: WasmDownload;
  /** Protocol of the filter. The service must have the same one; http2 and grpc are not supported. @default "http" */
  readonly protocol?: "http" | "tcp";
  /** Which listeners the filter is added to. @default "inbound" */
  readonly listener?: ExtensionListener;
  /**
   * Engine that runs the module. Envoy must have been built with it: `envoy --version` does not tell, but an Envoy without it refuses
   * the listener, and logs `without support for it`.
   *
   * @default "v8", which is part of the images `envoyproxy/envoy`
   */
  readonly runtime?: "v8" | "wamr" | "wavm" | "wasmtime";
  /** Name of the filter, for logs, and among filters with the same `rootId` and `vmId`. @default none */
  readonly name?: string;
  /** Filters with the same `rootId` and `vmId` share their context. @default none */
  readonly rootId?: string;
  /** Configuration of the filter, which it gets at its start. It must not contain secrets. @default none */
  readonly configuration?: string;
  /** Filters with the same `vmId` and module run in one virtual machine. @default none */
  readonly vmId?: string;
  /** Configuration of the virtual machine, which it gets at its start. It must not contain secrets. @default none */
  readonly vmConfiguration?: string;
  /** Names of Envoy's own environment variables that the module can read. @default none */
  readonly hostEnvKeys?: readonly string[];
  /** Further environment variables of the module. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Names of the functions of the ABI that the module may call. @default all */
  readonly allowedCapabilities?: readonly string[];
}

/** @internal */
export const WASM_SHAPE: is.Shape<WasmOptions> = {
  file: is.name,
  download: is.block<WasmDownload>({
    service: is.required(NAMED_SERVICE),
    uri: is.required(is.name),
    sha256: is.required(is.name),
    timeout: is.durationText,
    numRetries: is.number,
    retryBaseInterval: is.durationText,
    retryMaxInterval: is.durationText,
  }),
  protocol: is.oneOf(["http", "tcp"]),
  listener: EXTENSION_LISTENER,
  runtime: is.oneOf(["v8", "wamr", "wavm", "wasmtime"]),
  name: is.text,
  rootId: is.text,
  configuration: is.text,
  vmId: is.text,
  vmConfiguration: is.text,
  hostEnvKeys: is.list(is.name),
  env: is.map(is.text),
  allowedCapabilities: is.list(is.name),
};

/** @internal */
export function renderWasm(options: WasmOptions) {
  const { file, download, protocol = "http", listener = "inbound", hostEnvKeys, env, allowedCapabilities } = options;
  return {
    Protocol: protocol,
    ProxyType: "connect-proxy",
    ListenerType: listener,
    PluginConfig: {
      Name: options.name,
      RootID: options.rootId,
      Configuration: options.configuration,
      VmConfig: {
        VmID: options.vmId,
        Runtime: options.runtime ?? "v8",
        Configuration: options.vmConfiguration,
        EnvironmentVariables:
          hostEnvKeys === undefined && env === undefined ? undefined : { HostEnvKeys: hostEnvKeys, KeyValues: env },
        Code: {
          Local: file === undefined ? undefined : { Filename: file },
          Remote: download && renderDownload(download),
        },
      },
      CapabilityRestrictionConfiguration: allowedCapabilities && {
        AllowedCapabilities: Object.fromEntries(allowedCapabilities.map((name) => [name, {}])),
      },
    },
  };
}

function renderDownload(download: WasmDownload) {
  const { service, uri, sha256, timeout, numRetries, retryBaseInterval, retryMaxInterval } = download;
  const isRetried = [numRetries, retryBaseInterval, retryMaxInterval].some((it) => it !== undefined);
  return {
    HttpURI: { Service: serviceReference(service), URI: uri, Timeout: optionalConsulDuration(timeout) },
    SHA256: sha256,
    RetryPolicy: isRetried
      ? {
          NumRetries: numRetries,
          RetryBackOff: {
            BaseInterval: optionalConsulDuration(retryBaseInterval),
            MaxInterval: optionalConsulDuration(retryMaxInterval),
          },
        }
      : undefined,
  };
}

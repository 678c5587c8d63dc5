import type { Place } from "../core/problems";
import * as is from "../core/shape";
import { AWS_LAMBDA_SHAPE, renderAwsLambda, type AwsLambdaOptions } from "./extensions/aws-lambda";
import { EXT_AUTHZ_SHAPE, renderExtAuthz, type ExtAuthzOptions } from "./extensions/ext-authz";
import { LUA_SHAPE, renderLua, type LuaExtensionOptions } from "./extensions/lua";
import {
  OTEL_ACCESS_LOGGING_SHAPE,
  renderOtelAccessLogging,
  type OtelAccessLoggingOptions,
} from "./extensions/otel-access-logging";
import {
  PROPERTY_OVERRIDE_SHAPE,
  renderPropertyOverride,
  type PropertyOverrideOptions,
} from "./extensions/property-override";
import { renderWasm, WASM_SHAPE, type WasmOptions } from "./extensions/wasm";
import type * as consul from "./generated/config-entries";

/** Options of all extensions. */
export interface EnvoyExtensionOptions {
  /**
   * Whether an Envoy must have the extension. If Consul cannot apply a required extension, Envoy keeps its last configuration, and a
   * new Envoy does not start to serve. If it cannot apply another one, Envoy works without it.
   *
   * @default true for ext-authz and Wasm, which then also refuse requests when the service or module fails, else false
   */
  readonly required?: boolean;
  /** Versions of Consul with which the extension is used, such as `">= 1.17.0"`. @default all */
  readonly consulVersion?: string;
  /** Versions of Envoy with which the extension is used, such as `">= 1.34.0"`. @default all */
  readonly envoyVersion?: string;
}

const OPTIONS_SHAPE: is.Shape<EnvoyExtensionOptions> = {
  required: is.flag,
  consulVersion: is.name,
  envoyVersion: is.name,
};

/**
 * A change of the configuration that Consul creates for Envoys: a built-in extension of Consul. Those of a service are in its
 * service-defaults, those of a mesh in proxy-defaults; they apply to sidecars, without a restart, in the order of the list.
 *
 * @see https://developer.hashicorp.com/consul/docs/envoy-extension
 *
 * @example
 * mesh.addService("orders", {
 *   port: 8080,
 *   protocol: Protocol.HTTP,
 *   workload,
 *   envoyExtensions: [EnvoyExtension.lua({ script })],
 * });
 */
export class EnvoyExtension {
  private constructor(
    private readonly name: string,
    private readonly given: object,
    private readonly shape: Readonly<Record<string, is.Rule>>,
    private readonly renderArguments: () => object,
    private readonly options: EnvoyExtensionOptions,
    private readonly isRequired = false,
  ) {}

  /**
   * Runs a Lua script on requests and responses, after the intentions have been evaluated.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/extensions/lua
   * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/lua_filter
   */
  static lua(options: LuaExtensionOptions & EnvoyExtensionOptions): EnvoyExtension {
    return EnvoyExtension.of("lua", options, LUA_SHAPE, renderLua);
  }

  /**
   * Sets or removes single fields of Envoy's clusters, endpoints, listeners and routes.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/extensions/property-override
   */
  static propertyOverride(options: PropertyOverrideOptions & EnvoyExtensionOptions): EnvoyExtension {
    return EnvoyExtension.of("property-override", options, PROPERTY_OVERRIDE_SHAPE, renderPropertyOverride);
  }

  /**
   * Asks an authorization service about each request, or, for tcp, about each connection. It is asked about what the intentions allow.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/extensions/ext-authz
   */
  static extAuthz(options: ExtAuthzOptions & EnvoyExtensionOptions): EnvoyExtension {
    return EnvoyExtension.of("ext-authz", options, EXT_AUTHZ_SHAPE, renderExtAuthz, true);
  }

  /**
   * Sends a log record of each request to an OpenTelemetry collector.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/extensions/otel-access-logging
   */
  static otelAccessLogging(options: OtelAccessLoggingOptions & EnvoyExtensionOptions): EnvoyExtension {
    return EnvoyExtension.of("otel-access-logging", options, OTEL_ACCESS_LOGGING_SHAPE, renderOtelAccessLogging);
  }

  /**
   * Runs a WebAssembly module on requests, or, for tcp, on connections. Envoy must contain the runtime.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/extensions/wasm
   */
  static wasm(options: WasmOptions & EnvoyExtensionOptions): EnvoyExtension {
    return EnvoyExtension.of("wasm", options, WASM_SHAPE, renderWasm, true);
  }

  /**
   * Calls an AWS Lambda function instead of the instances of the service. It belongs to the service that the function implements, which
   * must have the protocol http. Envoy of the terminating gateway (or, without one, of the source) needs credentials of AWS.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/extensions/lambda
   */
  static awsLambda(options: AwsLambdaOptions & EnvoyExtensionOptions): EnvoyExtension {
    return EnvoyExtension.of("aws/lambda", options, AWS_LAMBDA_SHAPE, renderAwsLambda);
  }

  private static of<Options extends object>(
    name: string,
    given: Options & EnvoyExtensionOptions,
    shape: is.Shape<Options>,
    render: (options: Options) => object,
    isRequired = false,
  ): EnvoyExtension {
    const { required, consulVersion, envoyVersion } = is.optionsOf(`EnvoyExtension of ${name}`, given);
    const options = { required, consulVersion, envoyVersion };
    return new EnvoyExtension(`builtin/${name}`, given, shape, () => render(given), options, isRequired);
  }

  /** @internal */
  get rendered(): consul.EnvoyExtension {
    const { required = this.isRequired, consulVersion = "", envoyVersion = "" } = this.options;
    return {
      Name: this.name,
      // Consul always answers with these fields. Without them, each plan would show a difference.
      ...{ Required: required, ConsulVersion: consulVersion, EnvoyVersion: envoyVersion },
      Arguments: this.renderArguments() as Readonly<Record<string, unknown>>,
    };
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.given as Readonly<Record<string, unknown>>, { ...this.shape, ...OPTIONS_SHAPE });
  }
}

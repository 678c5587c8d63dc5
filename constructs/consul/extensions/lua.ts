import * as is from "../../core/shape";
import { EXTENSION_LISTENER, type ExtensionListener } from "./target";

/** Options of {@link EnvoyExtension.lua}. */
export interface LuaExtensionOptions {
  /**
   * The script. Envoy calls its functions `envoy_on_request` and `envoy_on_response`. It is part of the config entry, so it must not
   * contain secrets. Global variables exist once per worker thread of Envoy.
   */
  readonly script: string;
  /** Which listeners the script applies to. Those that do not have the protocol http, http2 or grpc are left alone. @default "inbound" */
  readonly listener?: ExtensionListener;
}

/** @internal */
export const LUA_SHAPE: is.Shape<LuaExtensionOptions> = {
  script: is.required(is.name, "Set a script."),
  listener: EXTENSION_LISTENER,
};

/** @internal */
export function renderLua({ script, listener = "inbound" }: LuaExtensionOptions) {
  return { ProxyType: "connect-proxy", Listener: listener, Script: script };
}

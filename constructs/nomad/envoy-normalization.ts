/** How Envoy normalizes paths. */
export interface PathNormalization {
  readonly insecureDisablePathNormalization: boolean;
  readonly pathWithEscapedSlashes: keyof typeof ACTIONS;
}

/** Envoy's numbers for these values. */
const ACTIONS = {
  IMPLEMENTATION_SPECIFIC_DEFAULT: 0,
  KEEP_UNCHANGED: 1,
  REJECT_REQUEST: 2,
  UNESCAPE_AND_REDIRECT: 3,
  UNESCAPE_AND_FORWARD: 4,
};

/**
 * Runtime values that make the Envoy of a gateway normalize paths: Consul configures normalization only for the Envoys of services. Envoy
 * has no such values for consecutive slashes and for headers with underscores.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/runtime
 */
export function normalizingRuntime(normalization: PathNormalization): Readonly<Record<string, number>> {
  const { insecureDisablePathNormalization, pathWithEscapedSlashes } = normalization;
  return {
    "http_connection_manager.normalize_path": insecureDisablePathNormalization ? 0 : 100,
    "http_connection_manager.path_with_escaped_slashes_action": ACTIONS[pathWithEscapedSlashes],
  };
}

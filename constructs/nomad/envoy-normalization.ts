/** How an Envoy brings paths into their usual form. */
export interface PathNormalization {
  readonly insecureDisablePathNormalization: boolean;
  readonly pathWithEscapedSlashes: keyof typeof ACTIONS;
}

/** As Envoy counts them. */
const ACTIONS = {
  IMPLEMENTATION_SPECIFIC_DEFAULT: 0,
  KEEP_UNCHANGED: 1,
  REJECT_REQUEST: 2,
  UNESCAPE_AND_REDIRECT: 3,
  UNESCAPE_AND_FORWARD: 4,
};

/**
 * Values of the runtime of an Envoy whose listeners Consul leaves as they are: it tells only the Envoys of services to normalize. Envoy
 * has no such values for several slashes in a row and for headers with underscores.
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

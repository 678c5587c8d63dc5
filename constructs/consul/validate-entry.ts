import { Place, type Problem } from "../core/problems";
import type * as consul from "./generated/config-entries";
import { examineInlineCertificate } from "./validate/certificates";
import { examineCommon } from "./validate/common";
import { examineMesh, examineProxyDefaults, examineServiceDefaults } from "./validate/defaults";
import { examineExports } from "./validate/exports";
import { examineApiGateway, examineIngressGateway, examineTerminatingGateway } from "./validate/gateways";
import { examineIntentions } from "./validate/intentions";
import { examineJwtProvider } from "./validate/jwt";
import { examineResolver } from "./validate/resolver";
import { examineHttpRoute, examineTcpRoute } from "./validate/routes";
import { examineRouter, examineSplitter } from "./validate/traffic";

/** The rules of each kind, in addition to the rules of all kinds. Some kinds are checked only by Consul Enterprise. */
const EXAMINERS: {
  readonly [Kind in consul.ConfigEntry["Kind"]]: (
    place: Place,
    entry: Extract<consul.ConfigEntry, { readonly Kind: Kind }>,
  ) => void;
} = {
  "service-defaults": examineServiceDefaults,
  "proxy-defaults": examineProxyDefaults,
  mesh: examineMesh,
  "service-intentions": examineIntentions,
  "service-resolver": examineResolver,
  "service-splitter": examineSplitter,
  "service-router": examineRouter,
  "ingress-gateway": examineIngressGateway,
  "terminating-gateway": examineTerminatingGateway,
  "api-gateway": examineApiGateway,
  "http-route": examineHttpRoute,
  "tcp-route": examineTcpRoute,
  "inline-certificate": examineInlineCertificate,
  "file-system-certificate": () => undefined,
  "exported-services": examineExports,
  "sameness-group": () => undefined,
  "jwt-provider": examineJwtProvider,
  "control-plane-request-limit": () => undefined,
};

/**
 * Returns the problems for which Consul 1.21 would reject a config entry on its own, by the rules of its own `Validate` functions.
 *
 * It does not check rules that depend on other entries (protocols, references) or on the edition of Consul, the paths of
 * patches of Envoy's resources, and values that only Terraform knows.
 *
 * @see https://github.com/hashicorp/consul/tree/v1.21.0/agent/structs
 */
export function problemsOfEntry(entry: consul.ConfigEntry): readonly Problem[] {
  return Place.problemsOf((place) => {
    examineCommon(place, entry);
    const examine = EXAMINERS[entry.Kind] as ((place: Place, entry: consul.ConfigEntry) => void) | undefined;
    if (examine === undefined) {
      place.oneOf("Kind", entry.Kind, Object.keys(EXAMINERS));
    } else {
      examine(place, entry);
    }
  });
}

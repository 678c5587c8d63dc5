import { itemsOf, known, Shown, type Place } from "../../core/problems";
import { isToken } from "../../core/token";
import type * as consul from "../generated/config-entries";
import { hasSecretKeys } from "../jwks";
import { exactlyOne, isSet, lengthOf } from "./common";

const DISCOVERY_TYPES = ["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"];

export function examineJwtProvider(place: Place, entry: consul.JWTProviderConfigEntry): void {
  place.required("Name", entry.Name, "Name the provider.");
  const keys = known(entry.JSONWebKeySet);
  if (keys === undefined) {
    place.refuse("JSONWebKeySet", entry.JSONWebKeySet, "a block with Local or Remote", "Set one of them.");
  } else {
    const { Local, Remote } = keys;
    exactlyOne(place, "JSONWebKeySet", { Local, Remote });
    const here = place.block("JSONWebKeySet");
    if (known(Remote) !== undefined) {
      examineRemote(here.block("Remote"), Remote ?? {});
    } else if (known(Local) !== undefined) {
      examineLocal(here, Local ?? {});
    }
  }
  itemsOf(entry.Locations).forEach((location, index) => {
    examineLocation(place, `Locations[${index}]`, location);
  });
  const forwarding = known(entry.Forwarding);
  if (forwarding !== undefined) {
    place.block("Forwarding").required("HeaderName", forwarding.HeaderName, "Name the header.");
  }
}

function examineLocal(place: Place, { JWKS, Filename }: consul.LocalJWKS): void {
  exactlyOne(place, "Local", { JWKS, Filename });
  if (isSet(JWKS) && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(stripped(JWKS))) {
    place.block("Local").refuse("JWKS", JWKS, "a key set in base64", "Encode it.");
  } else if (isSet(JWKS) && !isToken(JWKS) && hasSecretKeys(Buffer.from(stripped(JWKS), "base64").toString())) {
    // Consul accepts it. The value is a secret, so the message does not contain it.
    const received = new Shown("a key set with private keys");
    place
      .block("Local")
      .refuse("JWKS", received, "only public keys, because it is in the Terraform state", "Remove them.");
  }
}

/** Go ignores line breaks in base64. */
function stripped(text: string | undefined): string {
  return (text ?? "").replace(/[\r\n]/g, "");
}

function examineRemote(place: Place, remote: consul.RemoteJWKS): void {
  const { URI = "" } = remote;
  if (!/^(?:\/|[a-z][a-z0-9+.-]*:)/i.test(URI)) {
    place.refuse("URI", URI, "a URI such as https://example.com/keys", "Set the URI.");
  }
  const { BaseInterval, MaxInterval } = known(known(remote.RetryPolicy)?.RetryPolicyBackOff) ?? {};
  const [base, max] = [lengthOf(BaseInterval) ?? 0, lengthOf(MaxInterval) ?? 0];
  if (max !== 0 && base > max) {
    place
      .block("RetryPolicy")
      .block("RetryPolicyBackOff")
      .refuse("MaxInterval", MaxInterval, `BaseInterval (${BaseInterval}) or more`, "Raise it.", {
        comparedWith: BaseInterval,
      });
  }
  const cluster = known(remote.JWKSCluster);
  if (cluster === undefined) {
    return;
  }
  const here = place.block("JWKSCluster");
  here.oneOf("DiscoveryType", cluster.DiscoveryType === "" ? undefined : cluster.DiscoveryType, DISCOVERY_TYPES);
  const certificates = known(cluster.TLSCertificates);
  if (certificates !== undefined) {
    const { CaCertificateProviderInstance, TrustedCA } = certificates;
    exactlyOne(here, "TLSCertificates", { CaCertificateProviderInstance, TrustedCA });
    const authority = known(TrustedCA);
    if (authority !== undefined) {
      const { Filename, EnvironmentVariable, InlineString, InlineBytes } = authority;
      const forms = { Filename, EnvironmentVariable, InlineString, InlineBytes };
      exactlyOne(here.block("TLSCertificates"), "TrustedCA", forms);
    }
  }
}

function examineLocation(place: Place, field: string, location: consul.JWTLocation): void {
  const { Header, QueryParam, Cookie } = location;
  exactlyOne(place, field, { Header, QueryParam, Cookie });
  for (const [kind, given] of Object.entries({ Header, QueryParam, Cookie })) {
    if (known(given) !== undefined) {
      place.block(field).block(kind).required("Name", given?.Name, "Set the name.");
    }
  }
}

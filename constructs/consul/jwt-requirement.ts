import { itemsOf, known, textsOf } from "../core/problems";
import { isToken } from "../core/token";
import * as is from "../core/shape";
import type * as consul from "./generated/config-entries";

/** A config entry `jwt-provider`, such as a `JwtProvider`. */
export interface HasProviderName {
  /** Name of the entry in Consul. */
  readonly providerName: string;
}

/** A claim that a token must have. */
export interface JwtClaim {
  /** The names that lead to the claim, from the outermost: `["realm", "team"]` for `{ "realm": { "team": … } }`. */
  readonly path: readonly string[];
  /** Value of the claim. Envoy compares strings only: a claim that is a number, a boolean or a list never has this value. */
  readonly value: string;
}

/**
 * A JSON Web Token that a request must have: valid by the keys, issuer and audiences of a provider, and with certain claims.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-intentions#jwt
 */
export interface JwtRequirement {
  /** The provider: a `JwtProvider`. */
  readonly provider: HasProviderName;
  /** Claims that the token must have, all of them. @default any */
  readonly claims?: readonly JwtClaim[];
}

const LITERAL_NAME = is.literal(is.name, "Use a literal: the graph is built from names.");

/** @internal */
export const JWT_REQUIREMENT_SHAPE: is.Shape<JwtRequirement> = {
  provider: is.required(is.rule("a JwtProvider", "Pass the provider.", (value) => is.has(value, "providerName"))),
  claims: is.list(is.block<JwtClaim>({ path: is.required(is.literalList(LITERAL_NAME)), value: is.required(is.text) })),
};

/** @internal A list of tokens. */
export const JWT_REQUIREMENTS = is.list(is.block(JWT_REQUIREMENT_SHAPE));

/** @internal Any of these tokens, in Consul's format. */
export function renderJwtRequirement(tokens: readonly JwtRequirement[]): consul.IntentionJWTRequirement {
  return {
    Providers: tokens.map(({ provider, claims }) => ({
      Name: provider.providerName,
      VerifyClaims: claims?.map(({ path, value }) => ({ Path: path, Value: value })),
    })),
  };
}

/** @internal Names of the providers, without those that only Terraform knows. */
export function providersOf(requirement: consul.IntentionJWTRequirement | undefined): readonly string[] {
  return itemsOf(known(requirement)?.Providers).flatMap(({ Name }) =>
    Name === undefined || isToken(Name) ? [] : Name,
  );
}

/** @internal The tokens that are accepted, in words: `a token of login with role=admin or of partner`. */
export function tokenPhrase(requirement: consul.IntentionJWTRequirement): string {
  const tokens = itemsOf(requirement.Providers).map(({ Name = "?", VerifyClaims }) => {
    const claims = itemsOf(VerifyClaims).map(({ Path, Value = "?" }) => `${textsOf(Path).join(".")}=${Value}`);
    return `of ${Name}${claims.length === 0 ? "" : ` with ${claims.join(" and ")}`}`;
  });
  return `a token ${tokens.join(" or ")}`;
}

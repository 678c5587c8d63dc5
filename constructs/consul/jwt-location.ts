import type { Place } from "../core/problems";
import * as is from "../core/shape";
import type * as consul from "./generated/config-entries";

/** Options of {@link JwtLocation.header}. */
export interface JwtHeaderOptions {
  /** Text before the token in the header, with the space: `"Bearer "`. @default none: the value is the token */
  readonly valuePrefix?: string;
  /** Whether the service gets the header. Envoy has one such setting for all headers of a provider. @default false */
  readonly forward?: boolean;
}

const HEADER_SHAPE: is.Shape<JwtHeaderOptions> = { valuePrefix: is.text, forward: is.flag };

/** Where a request has its token. */
export class JwtLocation {
  private constructor(
    private readonly content: consul.JWTLocation,
    private readonly examineContent: (place: Place) => void,
  ) {}

  /** A header. */
  static header(name: string, options: JwtHeaderOptions = {}): JwtLocation {
    const { valuePrefix, forward } = is.optionsOf("JwtLocation.header", options);
    const content = { Header: { Name: name, ValuePrefix: valuePrefix, Forward: forward } };
    return new JwtLocation(content, (place) => {
      is.required(is.name)(place, "header", name);
      is.examineProperties(place, options, HEADER_SHAPE);
    });
  }

  /** A parameter of the query. Access logs and proxies see it, so prefer a header. */
  static query(name: string): JwtLocation {
    return new JwtLocation({ QueryParam: { Name: name } }, (place) => {
      is.required(is.name)(place, "query", name);
    });
  }

  /** A cookie. */
  static cookie(name: string): JwtLocation {
    return new JwtLocation({ Cookie: { Name: name } }, (place) => {
      is.required(is.name)(place, "cookie", name);
    });
  }

  /** @internal */
  examine(place: Place): void {
    this.examineContent(place);
  }

  /** @internal In Consul's format. */
  get rendered(): consul.JWTLocation {
    return this.content;
  }
}

import { sharedClass } from "../../core/shared-class";

/** How machines without public addresses reach the internet over IPv4. Prices are in the page about AWS. */
export class Nat {
  static {
    sharedClass(this, "Nat");
  }

  /** One gateway in each zone: a zone that fails takes none of the others with it. */
  static perZone(): Nat {
    return new Nat("per zone");
  }

  /** One gateway for all zones: cheaper; when its zone fails, no machine can fetch anything. */
  static single(): Nat {
    return new Nat("single");
  }

  /** No gateway: machines reach AWS through endpoints only, and fetch no packages. */
  static none(): Nat {
    return new Nat("none");
  }

  private constructor(
    /** Which of them it is. */
    readonly kind: "per zone" | "single" | "none",
  ) {}

  /** How many gateways a network of so many zones has. */
  gatewaysFor(zones: number): number {
    return this.kind === "per zone" ? zones : this.kind === "single" ? 1 : 0;
  }
}

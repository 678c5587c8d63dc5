import { sharedClass } from "../../core/shared-class";

/** How machines without public addresses reach the internet over IPv4. Prices are in the page about AWS. */
export class Nat {
  static {
    sharedClass(this, "Nat");
  }

  /** One gateway in each zone, so that the failure of a zone does not affect the others. */
  static perZone(): Nat {
    return new Nat("per zone");
  }

  /** One gateway, in the first zone, for all zones. It costs less, but if the first zone fails, no machine can reach the internet over IPv4. */
  static single(): Nat {
    return new Nat("single");
  }

  /** No gateway. Machines reach AWS through endpoints only, and cannot download packages. */
  static none(): Nat {
    return new Nat("none");
  }

  private constructor(
    /** The kind of NAT. */
    readonly kind: "per zone" | "single" | "none",
  ) {}

  /** The number of gateways for a number of zones. */
  gatewaysFor(zones: number): number {
    return this.kind === "per zone" ? zones : this.kind === "single" ? 1 : 0;
  }
}

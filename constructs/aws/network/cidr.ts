/** A block of IPv4 addresses. */
export class Cidr {
  /** @returns `undefined` if the text is not a CIDR block, or has host bits set */
  static parse(text: string): Cidr | undefined {
    const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
    if (match === null) {
      return undefined;
    }
    const [, ...numbers] = match.map(Number);
    const prefix = numbers[4];
    const bytes = numbers.slice(0, 4);
    if (bytes.some((byte) => byte > 255) || prefix > 32) {
      return undefined;
    }
    const first = bytes.reduce((address, byte) => address * 256 + byte, 0);
    const cidr = new Cidr(first, prefix);
    return first % cidr.size === 0 ? cidr : undefined;
  }

  private constructor(
    private readonly first: number,
    /** The prefix length. */
    readonly prefix: number,
  ) {}

  /** How many addresses it has. */
  get size(): number {
    return 2 ** (32 - this.prefix);
  }

  /** One of the `2 ** bits` equal parts of the block, as Terraform's `cidrsubnet`. */
  part(bits: number, index: number): Cidr {
    const size = this.size / 2 ** bits;
    return new Cidr(this.first + index * size, this.prefix + bits);
  }

  overlaps(other: Cidr): boolean {
    return this.first < other.first + other.size && other.first < this.first + this.size;
  }

  contains(other: Cidr): boolean {
    return this.first <= other.first && other.first + other.size <= this.first + this.size;
  }

  toString(): string {
    const bytes = [3, 2, 1, 0].map((place) => Math.floor(this.first / 256 ** place) % 256);
    return `${bytes.join(".")}/${this.prefix}`;
  }
}

/**
 * Returns the syntax error of a filter expression, or `undefined` if the expression is valid.
 *
 * @see https://developer.hashicorp.com/consul/api-docs/features/filtering
 */
export function problemOfFilter(text: string): string | undefined {
  const rest = new Reader(text);
  if (!rest.expression()) {
    return `it cannot be read from ${JSON.stringify(text.slice(rest.furthest, rest.furthest + 20))}`;
  }
  return undefined;
}

/** A quoted text cannot contain a quote, not even an escaped one. */
const STRING = /`[^`]*`|"(?:[^"\\\n]|\\(?:[abfnrtv\\]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[0-7]{3}))*"/iy;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?=[ \t\r\n)]|$)/y;
const SELECTOR = new RegExp(
  String.raw`[a-zA-Z]\w*(?:\.[a-zA-Z]\w*|\[[ \t\r\n]*(?:${STRING.source})[ \t\r\n]*\])*`,
  "iy",
);
const SPACE = /[ \t\r\n]*/y;
const VALUE_OPERATOR = /[ \t\r\n]*[=!]=[ \t\r\n]*|[ \t\r\n]+(?:not[ \t\r\n]+)?(?:contains|matches)[ \t\r\n]+/y;
const EMPTY_OPERATOR = /[ \t\r\n]+is[ \t\r\n]+(?:not[ \t\r\n]+)?empty/y;
const IN_OPERATOR = /[ \t\r\n]+(?:not[ \t\r\n]+)?in[ \t\r\n]+/y;

/** A recursive descent parser with backtracking. */
class Reader {
  /** The furthest position that any alternative has reached. */
  furthest = 0;
  private position = 0;

  constructor(private readonly text: string) {}

  expression(): boolean {
    return this.take(SPACE) && this.or() && this.take(SPACE) && this.position === this.text.length;
  }

  private or(): boolean {
    return this.chain(() => this.and(), /[ \t\r\n]+or[ \t\r\n]+/y);
  }

  private and(): boolean {
    return this.chain(() => this.not(), /[ \t\r\n]+and[ \t\r\n]+/y);
  }

  private chain(operand: () => boolean, operator: RegExp): boolean {
    if (!operand()) {
      return false;
    }
    while (this.try(() => this.take(operator) && operand()));
    return true;
  }

  private not(): boolean {
    return (
      this.try(() => this.take(/not[ \t\r\n]+/y) && this.not()) ||
      this.try(() => this.take(/\([ \t\r\n]*/y) && this.or() && this.take(/[ \t\r\n]*\)/y)) ||
      this.match()
    );
  }

  private match(): boolean {
    return (
      this.try(() => this.take(SELECTOR) && this.take(VALUE_OPERATOR) && this.value()) ||
      this.try(() => this.take(SELECTOR) && this.take(EMPTY_OPERATOR)) ||
      this.try(() => this.value() && this.take(IN_OPERATOR) && this.take(SELECTOR))
    );
  }

  private value(): boolean {
    return [SELECTOR, NUMBER, STRING].some((pattern) => this.take(pattern));
  }

  private try(way: () => boolean): boolean {
    const { position } = this;
    const isRight = way();
    if (!isRight) {
      this.position = position;
    }
    return isRight;
  }

  private take(pattern: RegExp): boolean {
    pattern.lastIndex = this.position;
    if (!pattern.test(this.text)) {
      return false;
    }
    this.position = pattern.lastIndex;
    this.furthest = Math.max(this.furthest, this.position);
    return true;
  }
}

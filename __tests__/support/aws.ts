import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack, Testing } from "cdktf";
import type { Construct } from "constructs";
import { testApp } from "./test-app";

/** A block of Terraform's JSON. */
export type Block = Readonly<Record<string, unknown>>;

/** A stack that has resources on AWS. */
export class AwsTestStack extends TerraformStack {
  constructor(scope: Construct = testApp(), id = "stack") {
    super(scope, id);
    new AwsProvider(this, "aws", { region: "eu-central-1" });
  }
}

/** What a stack becomes on AWS. */
export class AwsJson {
  /** Synthesizes a stack, the checks of its whole app included. */
  static of(stack: TerraformStack): AwsJson {
    return new AwsJson(JSON.parse(Testing.synth(stack, true)) as Terraform);
  }

  private constructor(private readonly terraform: Terraform) {}

  /** Every resource of a type, by the end of its address. */
  all(type: string): readonly Block[] {
    return Object.values(this.terraform.resource?.[type] ?? {});
  }

  /** Every data source of a type. */
  data(type: string): readonly Block[] {
    return Object.values(this.terraform.data?.[type] ?? {});
  }

  /** The only resource of a type, or of those with such fields. */
  one(type: string, fields: Block = {}): Block {
    const found = this.all(type).filter((it) => Object.entries(fields).every(([key, value]) => it[key] === value));
    if (found.length !== 1) {
      throw new Error(`There are ${found.length} ${type} with ${JSON.stringify(fields)}.`);
    }
    return found[0];
  }

  /** The resource that is named so by its tag. */
  named(type: string, name: string): Block {
    const found = this.all(type).filter(({ tags }) => (tags as Block | undefined)?.Name === name);
    if (found.length !== 1) {
      throw new Error(`There are ${found.length} ${type} named ${name}.`);
    }
    return found[0];
  }

  /** Terraform's reference to a resource's attribute. */
  ref(resource: Block, attribute = "id"): string {
    for (const [type, resources] of Object.entries(this.terraform.resource ?? {})) {
      for (const [name, it] of Object.entries(resources)) {
        if (it === resource) return `\${${type}.${name}.${attribute}}`;
      }
    }
    throw new Error("There is no such resource.");
  }

  get types(): readonly string[] {
    return Object.keys(this.terraform.resource ?? {});
  }

  get text(): string {
    return JSON.stringify(this.terraform);
  }
}

interface Terraform {
  readonly data?: Readonly<Record<string, Readonly<Record<string, Block>>>>;
  readonly resource?: Readonly<Record<string, Readonly<Record<string, Block>>>>;
}

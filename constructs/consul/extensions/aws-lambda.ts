import * as is from "../../core/shape";

/** Options of {@link EnvoyExtension.awsLambda}. */
export interface AwsLambdaOptions {
  /** ARN of the function, with or without a version or alias. Its region is where Envoy calls it. */
  readonly arn: string;
  /** Whether the function gets the body of the request, instead of a JSON document that describes the request. @default false */
  readonly payloadPassthrough?: boolean;
  /** Whether Envoy waits for the function, and returns its response. @default "synchronous" */
  readonly invocationMode?: "synchronous" | "asynchronous";
}

/** @internal */
export const AWS_LAMBDA_SHAPE: is.Shape<AwsLambdaOptions> = {
  arn: is.required(is.name),
  payloadPassthrough: is.flag,
  invocationMode: is.oneOf(["synchronous", "asynchronous"]),
};

/** @internal The region in the ARN of a function; `undefined` if it is something else. */
export function regionOf(arn: string): string | undefined {
  return /^arn:aws[\w-]*:lambda:([a-z\d-]+):\d*:function:./.exec(arn)?.[1];
}

/** @internal */
export function renderAwsLambda({ arn, payloadPassthrough, invocationMode }: AwsLambdaOptions) {
  return { ARN: arn, PayloadPassthrough: payloadPassthrough, InvocationMode: invocationMode };
}

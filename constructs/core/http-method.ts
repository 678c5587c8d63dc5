/** Methods of HTTP that the engines know. */
export const HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"] as const;

type UpperCase = (typeof HTTP_METHODS)[number];

/** A method of HTTP, in upper or lower case. */
export type HttpMethod = UpperCase | Lowercase<UpperCase>;

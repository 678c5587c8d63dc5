/** Methods of HTTP that the engines know. */
export const HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"] as const;

/** A method of HTTP, in upper or lower case. */
export type HttpMethod = (typeof HTTP_METHODS)[number] | Lowercase<(typeof HTTP_METHODS)[number]>;
